"""V7: signed readings, as a machine that shares no code with us signs them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus import BusMessage
from aegisflow.bus.codec import Codec
from aegisflow.bus.signed_readings import BACK_S, ReadingSignatures
from aegisflow.config.services import Topics
from aegisflow.domain.credentials import device_key
from aegisflow.domain.times import format_instant
from aegisflow.errors import PayloadError
from simulator.signing import signed_reading
from tests.support.samples import device_spec, sensor_spec

KEY, OTHER = b"the key of the plant", b"another key"
NOW = 1_790_000_000.0
DEMANDS = {
    "pump-01": replace(device_spec("pump-01", sensor_spec("pressure")), signed=True),
    "pump-02": device_spec("pump-02", sensor_spec("pressure")),
}


def codec(*keys: bytes) -> Codec:
    return Codec(Topics(), DEMANDS, signatures=ReadingSignatures(keys) if keys else None)


def text(at: float = NOW, pressure: object = 31.2, **more: object) -> str:
    return json.dumps({"timestamp": format_instant(at), "pressure": pressure, **more})


def message(payload: str | bytes, device_id: str = "pump-01") -> BusMessage:
    raw = payload.encode() if isinstance(payload, str) else payload
    return BusMessage(f"aegisflow/sensors/{device_id}", raw)


def refusal(codec: Codec, sent: BusMessage, received_at: float = NOW) -> str:
    with pytest.raises(PayloadError) as caught:
        codec.decode_reading(sent, received_at)
    return caught.value.reason


def test_v7_a_reading_that_its_device_signed_is_taken_as_signed() -> None:
    reading = codec(KEY).decode_reading(message(signed_reading(text(), "pump-01", KEY)), NOW)
    assert (reading.values, reading.signed) == ({"pressure": 31.2}, True)


def test_v7_who_must_sign_is_refused_without_a_mac_and_others_are_taken_as_unsigned() -> None:
    one = codec(KEY)
    assert refusal(one, message(text())) == "unsigned"
    assert not one.decode_reading(message(text(), "pump-02"), NOW).signed
    assert refusal(codec(), message(signed_reading(text(), "pump-01", KEY))) == "unsigned"
    assert not codec().decode_reading(message(signed_reading(text(), "pump-02", KEY), "pump-02"), NOW).signed


@pytest.mark.parametrize("device_id", ["pump-01", "pump-02"])
def test_v7_a_mac_of_another_key_or_device_is_refused_also_where_none_is_demanded(device_id: str) -> None:
    one = codec(KEY)
    for payload in (signed_reading(text(), device_id, OTHER), signed_reading(text(), "motor-01", KEY)):
        assert refusal(one, message(payload, device_id)) == "bad_signature"


@given(st.integers(0, 400), st.integers(1, 255))
def test_v7_no_byte_of_a_signed_reading_can_be_changed(place: int, by: int) -> None:
    signed = signed_reading(text(pressure=31.2, note="shift B"), "pump-01", KEY).encode()
    changed = bytearray(signed)
    changed[place % len(signed)] ^= by
    # The form around the mac has no blanks, and one byte for another leaves it no form that means the same.
    assert refusal(codec(KEY), message(bytes(changed))) in ("bad_signature", "unsigned")


@pytest.mark.parametrize(
    "more", ['"pressure":99.0', '"pressure":99.0,"mac":"' + "0" * 64 + '"', '"timestamp":"2026-01-31T08:00:00Z"']
)
def test_v7_nothing_can_be_said_behind_the_mac(more: str) -> None:
    signed = signed_reading(text(), "pump-01", KEY)
    assert refusal(codec(KEY), message(f"{signed[:-1]},{more}}}")) in ("bad_signature", "unsigned")


def test_v7_both_keys_count_while_one_is_being_replaced() -> None:
    for key in (KEY, OTHER):
        assert codec(OTHER, KEY).decode_reading(message(signed_reading(text(), "pump-01", key)), NOW).signed
    assert refusal(codec(OTHER), message(signed_reading(text(), "pump-01", KEY))) == "bad_signature"


def test_v7_what_was_recorded_earlier_is_refused_and_what_comes_a_little_late_is_taken() -> None:
    one = codec(KEY)
    for at in (NOW, NOW + 5, NOW + 5 - BACK_S, NOW + 10):
        one.decode_reading(message(signed_reading(text(at), "pump-01", KEY)), NOW + 10)
    assert refusal(one, message(signed_reading(text(NOW + 9 - BACK_S), "pump-01", KEY)), NOW + 11) == "replayed"
    again = codec(KEY)
    again.stamped_up_to("pump-01", NOW)  # as after a restart, from the store
    assert refusal(again, message(signed_reading(text(NOW - 3600), "pump-01", KEY))) == "replayed"
    again.stamped_up_to("pump-01", NOW - 7200)
    assert refusal(again, message(signed_reading(text(NOW - 3600), "pump-01", KEY))) == "replayed"


def test_v7_a_backlog_is_taken_and_a_clock_that_was_ahead_shuts_nobody_out() -> None:
    one = codec(KEY)
    for at in range(0, 3600, 300):  # an hour of readings that were kept while the line was cut
        assert one.decode_reading(message(signed_reading(text(NOW - 3600 + at), "pump-01", KEY)), NOW).signed
    assert one.decode_reading(message(signed_reading(text(NOW + 86_400), "pump-01", KEY)), NOW).signed
    assert one.decode_reading(message(signed_reading(text(NOW + 5), "pump-01", KEY)), NOW + 5).signed


def test_v7_a_bad_value_of_a_signed_reading_is_refused_by_itself() -> None:
    reading = codec(KEY).decode_reading(message(signed_reading(text(pressure="much"), "pump-01", KEY)), NOW)
    assert reading.signed
    assert [one.sensor for one in reading.refused] == ["pressure"]


def test_v7_the_key_of_a_device_is_made_as_the_document_says() -> None:
    assert device_key(KEY, "pump-01") == "63e6bc7f682c05fdef590cb4832c27eb697486b3748ca8544a8dac3b7778deb5"
