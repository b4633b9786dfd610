import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus import BusMessage
from aegisflow.bus.codec import REASONS, Codec
from aegisflow.bus.signature import is_signed, sign
from aegisflow.config.services import Topics
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import Command, CommandName, Mode
from aegisflow.domain.equipment import DeviceSpec, Limits, SensorSpec
from aegisflow.domain.readings import Receipt
from aegisflow.errors import PayloadError

NOW = 1_769_846_400.0  # 2026-01-31T08:00:00Z
SENSORS = {
    "temperature": SensorSpec("temperature", "°C", span=Limits(-50, 500)),
    "pressure": SensorSpec("pressure", "PSI", span=Limits(0, 200)),
    "class": SensorSpec("class", "", span=Limits(None, None)),
    "flow-rate": SensorSpec("flow-rate", "l/s"),
}
DEVICES = {name: DeviceSpec(name, "line", "pump", SENSORS) for name in ("pump-01", "pump-02")}
CODEC = Codec(Topics(), DEVICES)


def message(payload: bytes | dict[str, object], *, topic: str = "aegisflow/sensors/pump-01", **more) -> BusMessage:
    if isinstance(payload, dict):
        payload = json.dumps({"timestamp": "2026-01-31T08:00:00Z", "device_id": "pump-01"} | payload).encode()
    return BusMessage(topic, payload, **more)


def refusal(sent: BusMessage, codec: Codec = CODEC) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        codec.decode_reading(sent, NOW)
    assert caught.value.reason in REASONS
    assert len(caught.value.detail) <= 200
    return caught.value


def test_a_reading_carries_exactly_what_was_measured():
    receipt = Receipt(3, 17)
    reading = CODEC.decode_reading(message({"temperature": 72.5, "pressure": 30}, receipt=receipt), NOW + 1)
    assert reading[:5] == ("pump-01", NOW, {"temperature": 72.5, "pressure": 30.0}, NOW + 1, receipt)
    assert (reading.refused, reading.stamp) == ((), None)
    assert type(reading.values["pressure"]) is float


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00",
        "2026-01-31T09:00:00+01:00",
        "20260131T080000Z",
        "2026-01-31 08:00",
    ],
)
def test_an_iso_8601_timestamp_is_read_and_means_utc_without_an_offset(text):
    assert CODEC.decode_reading(message({"timestamp": text, "pressure": 1}), NOW).at == NOW


def test_a_fraction_of_a_second_is_kept():
    assert CODEC.decode_reading(message({"timestamp": "2026-01-31T08:00:00.25Z", "pressure": 1}), NOW).at == NOW + 0.25


def test_null_means_that_the_sensor_did_not_report():
    assert CODEC.decode_reading(message({"temperature": None, "pressure": 1}), NOW).values == {"pressure": 1.0}


def test_a_key_that_names_no_sensor_is_skipped_whatever_it_holds():
    odd = {"status": "ok", "flag": True, "nested": {"temperature": [1, None]}, "pressure": 1}
    assert CODEC.decode_reading(message(odd), NOW).values == {"pressure": 1.0}


def test_a_sensor_name_need_not_be_a_python_name():
    sent = message({"class": 2, "flow-rate": 3.5})
    assert CODEC.decode_reading(sent, NOW).values == {"class": 2.0, "flow-rate": 3.5}


def test_the_topic_names_the_device_when_the_payload_does_not():
    payload = b'{"timestamp": "2026-01-31T08:00:00Z", "pressure": 1}'
    assert CODEC.decode_reading(message(payload, topic="aegisflow/sensors/pump-02"), NOW).device_id == "pump-02"


def body(fields: bytes) -> bytes:
    return b'{"timestamp": "2026-01-31T08:00:00Z", "device_id": "pump-01", "pressure": 30, ' + fields + b"}"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"temperature=4", "not_json"),
        (b"[]", "not_json"),
        (b"17", "not_json"),
        (b"null", "not_json"),
        (b'"text"', "not_json"),
        (b"\xef\xbb\xbf" + body(b'"temperature": 4'), "not_json"),
        (body(b'"temperature": 4') + b"x", "not_json"),
        (body(b'"temperature": 4')[:-1], "not_json"),
        (b'{"timestamp": "\xff\xfe", "pressure": 1}', "not_json"),
        (b"[" * 10_000 + b"]" * 10_000, "not_json"),
        (body(b'"temperature": ' + b"[" * 10_000 + b"]" * 10_000), "not_json"),
        (body(b'"deep": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "not_json"),
        (b'{"timestamp": "2026-01-31T08:00:00Z", "device_id": 7, "pressure": 1}', "wrong_type"),
        (b'{"timestamp": "2026-01-31T08:00:00Z", "device_id": "pump-01"}', "no_known_sensor"),
        (b'{"timestamp": "2026-01-31T08:00:00Z", "pressure": null, "speed": 4}', "no_known_sensor"),
        (b'{"device_id": "pump-01", "pressure": 1}', "bad_timestamp"),
        (b'{"timestamp": 1769846400, "pressure": 1}', "bad_timestamp"),
        (b'{"timestamp": null, "pressure": 1}', "bad_timestamp"),
        (b'{"timestamp": "yesterday", "pressure": 1}', "bad_timestamp"),
        (b'{"timestamp": "2026-02-30T08:00:00Z", "pressure": 1}', "bad_timestamp"),
        (b'{"timestamp": "2026-01-31T08:00:00Z", "device_id": "pump-02", "pressure": 1}', "device_mismatch"),
        (b'{"timestamp": "2026-01-31T08:00:00Z", "device_id": "", "pressure": 1}', "device_mismatch"),
    ],
)
def test_a_bad_payload_is_refused_with_its_reason(payload, reason):
    assert refusal(message(payload)).reason == reason


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("aegisflow/sensors/pump-99", "unknown_device"),
        ("aegisflow/sensors/pump-01/more", "bad_topic"),
        ("aegisflow/sensors/", "bad_topic"),
        ("elsewhere", "bad_topic"),
        ("", "bad_topic"),
    ],
)
def test_a_topic_that_names_no_device_is_refused(topic, reason):
    assert refusal(message({"pressure": 1}, topic=topic)).reason == reason


def test_a_retained_reading_is_refused():
    assert refusal(message({"pressure": 1}, retain=True)).reason == "retained"


def test_a_payload_is_refused_from_one_byte_above_the_limit():
    filler = b" " * (65_535 - len(body(b'"temperature": 4')))
    assert CODEC.decode_reading(message(body(b'"temperature": 4') + filler), NOW).values["temperature"] == 4.0
    assert refusal(message(body(b'"temperature": 4') + filler + b" ")).reason == "payload_too_large"
    assert refusal(message(b"[" * 1_000_000)).reason == "payload_too_large"


@pytest.mark.parametrize(
    ("fields", "sensor", "reason", "sample"),
    [
        (b'"temperature": "72.5"', "temperature", "wrong_type", "72.5"),
        (b'"temperature": "unavailable"', "temperature", "wrong_type", "unavailable"),
        (b'"temperature": true', "temperature", "wrong_type", "True"),
        (b'"temperature": [1]', "temperature", "wrong_type", "[1.0]"),
        (b'"temperature": {"value": 1}', "temperature", "wrong_type", "(('value', 1.0),)"),
        (b'"temperature": NaN', "temperature", "not_a_number", "nan"),
        (b'"temperature": -Infinity', "temperature", "not_a_number", "-inf"),
        (b'"temperature": 1e999', "temperature", "not_a_number", "inf"),
        (b'"class": 1e999', "class", "not_a_number", "inf"),
        (b'"temperature": ' + b"9" * 400, "temperature", "not_a_number", "inf"),
        (b'"temperature": 1e308', "temperature", "out_of_span", "1e+308"),
        (b'"temperature": 500.001', "temperature", "out_of_span", "500.001"),
        (b'"temperature": -127.0', "temperature", "out_of_span", "-127"),
        (b'"flow-rate": 1e13', "flow-rate", "out_of_span", "1e+13"),
    ],
)
def test_b1_a_bad_value_is_refused_by_itself_and_its_neighbours_are_taken(fields, sensor, reason, sample):
    reading = CODEC.decode_reading(message(body(fields)), NOW)
    assert reading.values == {"pressure": 30.0}
    assert [(one.sensor, one.reason.value, one.sample) for one in reading.refused] == [(sensor, reason, sample)]


def test_a_message_of_bad_values_alone_says_that_its_device_reports():
    reading = CODEC.decode_reading(message({"temperature": "n/a", "pressure": 65535}), NOW)
    assert reading.values == {}
    assert {one.sensor for one in reading.refused} == {"temperature", "pressure"}


def test_what_no_sensor_is_named_after_cannot_spoil_a_message():
    reading = CODEC.decode_reading(message(body(b'"unknown": NaN')), NOW)
    assert (reading.values, reading.refused) == ({"pressure": 30.0}, ())


def test_markers_of_a_missing_value_and_numbers_in_text_are_what_the_plant_file_says():
    tagged = SensorSpec("temperature", "°C", missing_values=(-999.0, 65_535.0), numbers_in_text=True)
    codec = Codec(Topics(), {"pump-01": DeviceSpec("pump-01", "line", "pump", {**SENSORS, "temperature": tagged})})

    def decoded(value: object) -> tuple[dict[str, float], list[str]]:
        reading = codec.decode_reading(message({"temperature": value, "pressure": 30}), NOW)
        return dict(reading.values), [one.reason.value for one in reading.refused]

    assert decoded(-999) == decoded("65535") == ({"pressure": 30.0}, ["missing_marker"])
    assert decoded(" 72.5 ") == ({"temperature": 72.5, "pressure": 30.0}, [])
    assert decoded("nan") == ({"pressure": 30.0}, ["not_a_number"])
    assert decoded("n/a") == ({"pressure": 30.0}, ["wrong_type"])


@given(st.dictionaries(st.sampled_from(sorted(SENSORS)), st.one_of(st.floats(), st.text(), st.booleans()), min_size=1))
def test_each_value_of_a_sensor_is_taken_or_refused_and_none_is_lost(values):
    reading = CODEC.decode_reading(message(dict(values)), NOW)
    assert set(reading.values) | {one.sensor for one in reading.refused} == set(values)
    assert not set(reading.values) & {one.sensor for one in reading.refused}


@pytest.mark.parametrize("stamp", ["9999-12-31T23:59:59Z", "2026-01-31T08:01:01Z", "2020-01-01T00:00:00Z"])
def test_no_stamp_is_a_reason_to_refuse_what_was_measured(stamp):
    assert CODEC.decode_reading(message({"timestamp": stamp, "pressure": 1}), NOW).values == {"pressure": 1.0}


def test_unknown_names_leave_nothing_behind():
    codec = Codec(Topics(), DEVICES)
    before = {name: len(value) for name, value in vars(codec).items() if hasattr(value, "__len__")}
    for number in range(1_000):
        assert refusal(message({"pressure": 1}, topic=f"aegisflow/sensors/x{number}"), codec).reason == "unknown_device"
    assert {name: len(value) for name, value in vars(codec).items() if hasattr(value, "__len__")} == before


def test_devices_with_the_same_sensors_share_one_parser():
    wider = {**SENSORS, "pressure": SensorSpec("pressure", "PSI", span=Limits(0, 900))}
    codec = Codec(Topics(), {**DEVICES, "pump-03": DeviceSpec("pump-03", "line", "pump", wider)})
    refused = codec.decode_reading(message(body(b'"pressure": 500')), NOW).refused
    assert [one.reason.value for one in refused] == ["out_of_span"]
    sent = message(b'{"timestamp": "2026-01-31T08:00:00Z", "pressure": 500}', topic="aegisflow/sensors/pump-03")
    assert codec.decode_reading(sent, NOW).values == {"pressure": 500.0}
    assert len({id(device.schema) for device in codec._by_topic.values()}) == 2


def test_topics_follow_their_templates():
    codec = Codec(
        Topics(sensors="site/{device_id}/data", acks="site/{device_id}/answer", commands="c/{device_id}"), DEVICES
    )
    assert codec.sensor_filter() == "site/+/data"
    assert codec.ack_filter() == "site/+/answer"
    assert codec.device_of("site/pump-01/data") == "pump-01"
    assert codec.device_of("site/pump-01/answer") == "pump-01"
    assert codec.device_of("site/pump-99/data") is None
    assert codec.device_of("site/pump-99/answer") is None
    assert codec.is_ack("site/pump-01/answer")
    assert not codec.is_ack("site/pump-01/data")
    assert not codec.is_ack("site/answer")
    assert codec.decode_reading(message({"pressure": 1}, topic="site/pump-01/data"), NOW).device_id == "pump-01"


def test_a_template_without_a_place_for_the_device_is_an_error():
    with pytest.raises(ValueError, match=r"must contain \{device_id\}"):
        Codec(Topics().model_copy(update={"sensors": "sensors/all"}), DEVICES)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["timestamp", "device_id", *SENSORS, "other"])


@given(st.binary() | st.dictionaries(KEYS, ANYTHING).map(lambda content: json.dumps(content).encode()))
def test_whatever_the_bytes_are_the_outcome_is_a_refusal_or_a_sound_reading(payload):
    try:
        reading = CODEC.decode_reading(message(payload), NOW)
    except PayloadError as error:
        assert error.reason in REASONS  # noqa: PT017 - most payloads are refused, some are not
    else:
        assert reading.values or reading.refused
        assert all(math.isfinite(value) for value in reading.values.values())
    try:
        CODEC.decode_ack(BusMessage("aegisflow/acks/pump-01", payload))
    except PayloadError as error:
        assert error.reason in REASONS  # noqa: PT017


@given(st.dictionaries(st.sampled_from(sorted(SENSORS)), st.none() | st.floats(0, 200), min_size=1))
def test_every_value_within_its_span_arrives_unchanged(values):
    sent = message(dict(values))
    expected = {name: value for name, value in values.items() if value is not None}
    if expected:
        assert CODEC.decode_reading(sent, NOW).values == expected
    else:
        assert refusal(sent).reason == "no_known_sensor"


COMMAND = Command(
    "cmd-1",
    "pump-02",
    CommandName.REDUCE_LOAD,
    {"reduction_pct": 30.0},
    Caller("agent", CallerKind.AGENT),
    "hot",
    NOW,
)


def test_a_command_carries_its_deadline():
    topic, payload = CODEC.encode_command(COMMAND, issued_at=NOW, expires_at=NOW + 30)
    assert topic == "aegisflow/commands/pump-02"
    assert json.loads(payload) == {
        "command_id": "cmd-1",
        "device_id": "pump-02",
        "command": "reduce_load",
        "parameters": {"reduction_pct": 30.0},
        "issued_at": "2026-01-31T08:00:00Z",
        "expires_at": "2026-01-31T08:00:30Z",
    }


def ack(**fields: object) -> BusMessage:
    content = {"command_id": "cmd-1", "device_id": "pump-02", "result": "accepted", "at": "2026-01-31T08:00:00Z"}
    return BusMessage("aegisflow/acks/pump-02", json.dumps(content | fields).encode())


def test_an_answer_to_a_command_is_read():
    answer = CODEC.decode_ack(ack(detail="ramping down", mode="reduced_load"))
    assert answer == Ack("cmd-1", "pump-02", "accepted", "ramping down", NOW, Mode.REDUCED_LOAD)
    assert CODEC.decode_ack(ack()).mode is None


def test_a_machine_is_asked_what_became_of_a_command() -> None:
    topic, payload = CODEC.encode_question("pump-02", "cmd-1", NOW)
    assert topic == "aegisflow/commands/pump-02"
    assert json.loads(payload)["command"] == "report_state"


def test_with_a_key_an_answer_counts_only_when_it_is_signed() -> None:
    signing = Codec(Topics(), CODEC._devices, key=b"secret")
    with pytest.raises(PayloadError) as refused:
        signing.decode_ack(ack())
    assert refused.value.reason == "bad_signature"
    content = json.loads(ack().payload)
    signed = BusMessage("aegisflow/acks/pump-02", json.dumps(sign(content, b"secret")).encode())
    assert signing.decode_ack(signed).command_id == "cmd-1"
    other = BusMessage("aegisflow/acks/pump-02", json.dumps(sign(content, b"guess")).encode())
    with pytest.raises(PayloadError):
        signing.decode_ack(other)
    _, question = signing.encode_question("pump-02", "cmd-1", NOW)
    assert is_signed(question, b"secret")


def test_v6_with_a_key_a_command_tells_a_nonce_that_only_the_key_gives_and_a_question_its_own() -> None:
    signing, other = (Codec(Topics(), CODEC._devices, key=key) for key in (b"secret", b"guess"))
    sent = [json.loads(one.encode_command(COMMAND, issued_at=NOW, expires_at=NOW + 30)[1]) for one in (signing, other)]
    assert len({message["nonce"] for message in sent}) == 2
    assert sent[0]["nonce"] == Codec(Topics(), CODEC._devices, key=b"secret").nonce_of("pump-02", "cmd-1")
    assert len({signing.nonce_of(device, name) for device in ("a", "b") for name in ("c", "d")}) == 4
    assert json.loads(signing.encode_question("pump-02", "cmd-1", NOW, "once")[1])["nonce"] == "once"
    answered = json.dumps(sign(json.loads(ack(nonce="once").payload), b"secret")).encode()
    assert signing.decode_ack(ack()._replace(payload=answered)).nonce == "once"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (ack(result="maybe"), "wrong_type"),
        (ack(command_id=""), "wrong_type"),
        (ack(command_id="x" * 129), "wrong_type"),
        (ack(detail="x" * 501), "wrong_type"),
        (ack(at="now"), "bad_timestamp"),
        (ack(device_id="pump-01"), "device_mismatch"),
        (ack(device_id=None), "wrong_type"),
        (ack(nonce="x" * 65), "wrong_type"),
        (ack()._replace(topic="aegisflow/acks/pump-99"), "unknown_device"),
        (ack()._replace(topic="aegisflow/other/pump-01"), "bad_topic"),
        (ack()._replace(retain=True), "retained"),
        (ack()._replace(payload=b"{"), "not_json"),
        (ack()._replace(payload=b"[]"), "wrong_type"),
        (ack()._replace(payload=b'{"x":' + b"[" * 10_000), "not_json"),
        (ack()._replace(payload=b" " * 70_000), "payload_too_large"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(sent, reason):
    with pytest.raises(PayloadError) as caught:
        CODEC.decode_ack(sent)
    assert caught.value.reason == reason
