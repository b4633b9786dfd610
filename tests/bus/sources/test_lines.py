"""Lines of fields, and bytes that are no text."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus.binary import binary_kind
from aegisflow.bus.sources.formats import decode_json
from aegisflow.bus.sources.lines import decode_lines
from aegisflow.errors import PayloadError
from tests.support.source_bench import RECEIVED_AT, SourceBench, Taken

T = 1_773_480_413.0
SENSORS: dict[str, Any] = {"temp": "°C", "flow": "l/min", "run": {"unit": "1", "kind": "state"}}


@pytest.fixture
def bench(tmp_path: Path):
    def make(source: dict[str, Any]) -> SourceBench:
        return SourceBench(tmp_path, {"topic": "log/{device}", "format": "csv", **source}, {"dl1": SENSORS})

    return make


@pytest.mark.parametrize(
    "line",
    [
        b"%d;21.5;3;OK",
        b"%d,21.5,3",
        b"%d\t21.5\t3.0",
        b"%d|21.5|3|",
        b'%d;"21.5";3',
        b"\xef\xbb\xbf%d ; 21.5 ; 3\r\n\0",
    ],
)
def test_the_fields_of_a_line_are_found_by_the_names_that_the_source_gives(bench, line: bytes) -> None:
    source = {"fields": ["ts", "temp", "flow"], "time": {"path": "ts", "format": "epoch_s"}}
    assert bench(source).take("log/dl1", line % T).readings == [("dl1", T, {"temp": 21.5, "flow": 3.0})]


def test_a_header_or_the_fields_themselves_may_say_the_names(bench) -> None:
    header = bench({}).take("log/dl1", b"temp;flow\n21.5;3\n21.6;4\n")
    assert [values for *_, values in header.readings] == [{"temp": 21.5, "flow": 3.0}, {"temp": 21.6, "flow": 4.0}]
    for text in (b"temp=21.5;run=true", b"temp: 21.5, run: 1", b"temp=21.5 run=1"):
        assert bench({}).take("log/dl1", text).readings == [("dl1", RECEIVED_AT, {"temp": 21.5, "run": 1.0})]


def test_a_line_that_was_cut_off_is_refused_alone_and_so_is_a_field_that_is_no_number(bench) -> None:
    source = {"fields": ["temp", "flow"], "sensors": {"flow": {"decimal_comma": True}}}
    taken = bench(source).take("log/dl1", b"21.5;3,25\n21.6\nERR;4,0\n")
    assert taken == Taken(
        [("dl1", RECEIVED_AT, {"temp": 21.5, "flow": 3.25}), ("dl1", RECEIVED_AT, {"flow": 4.0})],
        [("temp", "wrong_type", "ERR")],
        ["bad_payload"],
    )


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.lists(st.sampled_from("abc"), unique=True))
def test_whatever_comes_is_records_or_a_refusal(payload: bytes, names: list[str]) -> None:
    try:
        records = decode_lines(payload, names)
    except PayloadError:
        with pytest.raises(UnicodeDecodeError):
            payload.decode()
        return
    assert all(isinstance(one, dict | str) for one in records)


CBOR = bytes.fromhex("a2 6474656d70 fb4034000000000000 6274731a69b52d1d")
"""{"temp": 20.0, "ts": 1773481245}"""


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (CBOR, "CBOR"),
        (b"\xd9\xd9\xf7" + CBOR, "CBOR"),
        (bytes.fromhex("9f 01 fa41a00000 ff"), "CBOR"),
        (msgspec.msgpack.encode({"temp": 20.5}), "MessagePack"),
        (msgspec.msgpack.encode([1.5] * 40), "MessagePack"),
        (b"\x1f\x8b\x08\0\0\0", "compressed (gzip)"),
        (b"\x41\xa4\x28\xf6", "4 bytes, perhaps a bare number"),
        (b"\x08\x96\x01\x12\x07testing\x1d\xff", "bytes of unknown form, perhaps Protocol Buffers"),
        (CBOR[:-1], "bytes of unknown form, perhaps Protocol Buffers"),
    ],
)
def test_bytes_that_are_no_text_are_named_and_refused_as_what_they_are(tmp_path: Path, payload, kind: str) -> None:
    assert binary_kind(payload) == kind
    for form in ("json", "csv"):
        bench = SourceBench(tmp_path, {"topic": "log/{device}", "format": form}, {"dl1": SENSORS})
        assert bench.take("log/dl1", payload).problems == ["binary"]


@given(st.binary(max_size=80))
def test_any_bytes_have_a_name(payload: bytes) -> None:
    assert binary_kind(payload)


def test_text_in_the_code_page_of_a_controller_is_understood(bench) -> None:
    assert decode_json('{"Öltemp": 48.5}'.encode("latin-1")) == {"Öltemp": 48.5}
    assert bench({}).take("log/dl1", "temp=70.7 °F".encode("latin-1")).refused == [("temp", "wrong_type", "70.7 °F")]
