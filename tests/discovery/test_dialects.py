"""Messages as systems in the field write them, each to the devices and sensors that a person sees in them at once.

They are written after public documentation; no system here has rules of its own, and neither may one get any.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.cli.discover import DONE, discover
from aegisflow.discovery.document import additions, new_file, try_out
from aegisflow.discovery.draft import free_name
from aegisflow.discovery.survey import BrokerSurvey
from tests.support.discovering import ROUNDS, Messages, System, T, drafted, heard, iso, payload


def chirpstack(i: int, t: int, x: float) -> Messages:
    info = {"tenantName": "Acme", "deviceName": "cold-room-1", "devEui": "24e124136b502010", "tags": {}}
    radio = [{"gatewayId": "0016c001f153a14c", "uplinkId": 4217 + i, "rssi": -57 - i % 3, "snr": 10.5 + x}]
    said = {"time": iso(t), "deviceInfo": info, "adr": True, "fCnt": 100 + i, "object": {"temperature": 3.1 + x}}
    return [("application/3b1c/device/24e124136b502010/event/up", {**said, "rxInfo": radio})]


def things_network(i: int, t: int, x: float) -> Messages:
    uplink = {"f_port": 1, "f_cnt": i, "decoded_payload": {"level_cm": 120 + x}, "rx_metadata": [{"rssi": -80 - i % 4}]}
    said = {"end_device_ids": {"device_id": "tank-7"}, "received_at": iso(t), "uplink_message": uplink}
    return [("v3/acme@ttn/devices/tank-7/up", said)]


def aws_shadow(i: int, t: int, x: float) -> Messages:
    said = {"state": {"reported": {"rpm": 1450 + x}}, "metadata": {"reported": {"rpm": {"timestamp": t}}}, "version": i}
    return [(f"$aws/things/{name}/shadow/update/accepted", {**said, "timestamp": t}) for name in ("press-1", "press-2")]


def kepware(i: int, t: int, x: float) -> Messages:
    values = [{"id": f"Line1.P{n}.Temp", "v": 71 + n + x, "q": n < 2 or i % 9 != 0, "t": t * 1000} for n in (1, 2)]
    return [("iotgateway", {"timestamp": t * 1000, "values": values})]


def industrial_edge(i: int, t: int, x: float) -> Messages:
    vals = [{"id": "101", "qc": 3, "ts": iso(t), "val": 71 + x}, {"id": "102", "qc": 3, "ts": iso(t), "val": i % 4 > 0}]
    return [("ie/d/j/simatic/v1/s7c1/dp/r/PLC_1/default", {"seq": i, "vals": vals})]


def mindsphere(_i: int, t: int, x: float) -> Messages:
    values = [{"dataPointId": "dp1", "value": f"{71 + x:.3f}", "qualityCode": "0"}]
    return [("mindsphere/m1", {"data": [{"timestamp": iso(t), "values": values}]})]


def thingsboard(_i: int, t: int, x: float) -> Messages:
    said = {name: [{"ts": t * 1000, "values": {"humidity": 80 + x}}] for name in ("Device A", "Device B")}
    return [("v1/gateway/telemetry", said)]


def neuron(i: int, t: int, x: float) -> Messages:
    said = {"node": "modbus1", "group": "grp", "timestamp": t * 1000, "values": {"tag0": 71 + x}, "metas": {}}
    return [("neuron/mqtt/upload", {**said, "errors": {"tag2": 2014 + i % 2} if i % 6 == 0 else {}})]


def losant(_i: int, t: int, x: float) -> Messages:
    return [
        (f"losant/{name}/state", {"time": {"$date": iso(t)}, "data": {"volts": 230 + x}}) for name in ("5f1a", "5f1b")
    ]


def tasmota_meter(i: int, t: int, x: float) -> Messages:
    energy = {"Total": 100 + i * 0.01, "Power": [400 + x, 300 + x], "Voltage": [230 + x, 231 + x]}
    state = {
        "Time": iso(t)[:-1],
        "UptimeSec": 93784 + i,
        "Heap": 25 + i % 2,
        "POWER": "ON",
        "Wifi": {"Signal": -60 - i % 3},
    }
    return [("tele/meter-1/SENSOR", {"Time": iso(t)[:-1], "ENERGY": energy}), ("tele/meter-1/STATE", state)]


def tasmota_elsewhere(_i: int, t: int, x: float) -> Messages:
    said = {"Time": iso(t)[:-1], "ENERGY": {"Power": 400 + x}}
    return [(f"{name}/tele/SENSOR", said) for name in ("plug-a", "plug-b")]


def zigbee_elsewhere(i: int, _t: int, x: float) -> Messages:
    said = {"humidity": 50 + x, "linkquality": 100 + i % 9}
    return [
        ("home/z2m/Cold store", said),
        ("home/z2m/hall/plug 1", said),
        ("home/z2m/bridge/state", {"state": "online"}),
    ]


def shelly_elsewhere(i: int, t: int, x: float) -> Messages:
    said = {"method": "NotifyStatus", "params": {"ts": t + 0.42, "switch:0": {"apower": 8.9 + x, "output": i % 3 > 0}}}
    return [(f"works/hall1/{name}/events/rpc", said) for name in ("fan-1", "fan-2")]


def announced(i: int, _t: int, x: float) -> Messages:
    device = {"name": "Boiler room", "identifiers": ["b1"]}
    temperature = {"state_topic": "home/boiler/state", "device_class": "temperature", "unit_of_measurement": "°F",
                   "value_template": "{{ value_json.t }}", "unique_id": "boiler_t", "device": device}  # fmt: skip
    burner = {"~": "home/boiler", "state_topic": "~/burner", "payload_on": "run", "payload_off": "idle",
              "unique_id": "boiler_b", "name": "Burner", "device": device}  # fmt: skip
    once: Messages = [
        ("homeassistant/sensor/boiler/t/config", temperature),
        ("homeassistant/binary_sensor/boiler/b/config", burner),
    ]
    states: Messages = [("home/boiler/state", {"t": 140 + x}), ("home/boiler/burner", "run" if i % 5 else "idle")]
    return [*(once if i == 0 else []), *states]


def esphome(i: int, _t: int, x: float) -> Messages:
    return [
        ("boiler-room/sensor/flow_temperature/state", f"{61 + x:.2f}"),
        ("boiler-room/binary_sensor/burner/state", "ON" if i % 4 else "OFF"),
        ("boiler-room/debug", f"[D][sensor:{i}]: 'Flow': Sending state {x}"),
        ("pump-house/sensor/pressure/state", f"{2.1 + x:.3f}"),
    ]


def commas(i: int, _t: int, x: float) -> Messages:
    said = {"Temperatur": f"{1071 + x:.2f}".replace(".", ","), "Zaehler": str(1000 + i)}
    return [("sps/presse1/daten", said), ("sps/presse2/druck_bar", f"{3 + x:.2f}".replace(".", ","))]


def gaps_in_words(i: int, _t: int, x: float) -> Messages:
    said = {
        "t1": 200 + x if i % 7 else "NaN",
        "t2": f"{180 + x:.1f}" if i % 5 else "n/a",
        "t3": 20 + x if i % 3 else None,
    }
    return [("lab/oven/data", said), ("lab/stove/temp", f"{20 + x:.2f} °C" if i % 4 else "n/a")]


def wrapped(_i: int, _t: int, x: float) -> Messages:
    said = json.dumps({"temp": 20 + x})
    return [
        ("wrapped/marked/data", b"\xef\xbb\xbf" + said.encode()),
        ("wrapped/wide/data", said.encode("utf-16")),
        ("wrapped/twice/data", json.dumps(said).encode()),
        ("wrapped/ended/data", said.encode() + b"\0"),
    ]


def several_in_a_list(_i: int, t: int, x: float) -> Messages:
    return [("gw/bulk", [{"device": f"p{n}", "ts": t, "flow": 3 + n + x} for n in range(3)])]


def several_by_key(_i: int, t: int, x: float) -> Messages:
    return [("gw/all", {"ts": t, "devices": {f"fan{n}": {"rpm": 900 + n + x, "amps": 3 + x} for n in range(3)}})]


def several_by_number(_i: int, t: int, x: float) -> Messages:
    return [("gw/arr", {"gateway": "g1", "timestamp": t, "readings": [{"sensorId": n, "rh": 40 + x} for n in (1, 2)]})]


def bare_list(_i: int, _t: int, x: float) -> Messages:
    return [("nodered/plc7/block", [71.2 + x, 12 + x, 3])]


def fields_and_tags(_i: int, _t: int, x: float) -> Messages:
    return [("nr/influx/mill", [{"torque": 8 + x}, {"machine": "mill-3"}])]


def times_and_values(_i: int, t: int, x: float) -> Messages:
    return [("hist/pump", {"name": "flow", "points": [[(t - n) * 1000, 12 + n + x] for n in (3, 2, 1)]})]


def one_point_a_message(i: int, t: int, x: float) -> Messages:
    said = {"ts": t * 1000, "quality": "BAD" if i % 7 == 3 else "GOOD"}
    return [("scada/out", {"tag": tag, "value": 10 + x, **said}) for tag in ("TT101", "PT102")]


def namespace(_i: int, t: int, x: float) -> Messages:
    return [
        (f"uns/site/{machine}/{sensor}", {"value": 10 + x, "timestamp": t * 1000, "quality": 192, "unit": unit})
        for machine in ("m1", "m2")
        for sensor, unit in (("temp", "C"), ("speed", "rpm"))
    ]


def values_with_units(i: int, t: int, x: float) -> Messages:
    temp, run = {"value": 55 + x, "unit": "°C"}, {"value": i % 4 > 0, "unit": ""}
    return [("wago/750/m5", {"ts": t, "temp": temp, "run": run})]


def nameplate(_i: int, t: int, x: float) -> Messages:
    said = {"serial_no": 4711, "rated_kw": 11, "setpoint": 20, "axes": 6, "model": "KR210"}
    return [("fab/robot1/data", {"ts": str(t * 1000), **said, "load": 60 + x})]


def odd_topics(i: int, _t: int, x: float) -> Messages:
    return [
        ("/leading/m1/data", {"temp": 20 + x}),
        ("Halle Süd/Kühlung 1/Werte", {"druck": 100 + x}),
        ("a//b/data", {"temp": 20 + x}),
        ("日本/ポンプ1/温度", f"{20 + x:.1f}"),
        ("日本/ポンプ2/温度", f"{20 + x:.1f}"),
        ("$SYS/broker/uptime", f"{i} seconds"),
    ]


def topics_within_topics(i: int, _t: int, x: float) -> Messages:
    listed = json.dumps([230 + x, 10 + x])
    return [("charger/0722/nrg", listed), ("charger/0722/wh", f"{1000 + i * 1.5}"), ("charger/0722/amp", "16")]


def two_of_a_name(i: int, t: int, x: float) -> Messages:
    """One device, two topics, and in both a power that is another one."""
    return [
        ("tele/m/SENSOR", {"Time": iso(t)[:-1], "ENERGY": {"Power": 400 + x}}),
        ("tele/m/RESULT", {"power": i % 2 > 0, "torque": 3 + x}),
    ]


def loggers(i: int, t: int, x: float) -> Messages:
    german = f"14.03.2026 09:{20 + (t - T) // 60:02d}:{(t - T) % 60:02d};{12 + x:.2f};{45 + x:.1f}".replace(".", ",")
    return [
        ("logger/dl1/csv", f"{t};{12 + x:.2f};{1000 + i};OK"),
        ("logger/dl2/csv", german.replace(",", ".", 2)),
        ("logger/dl3/csv", f"temp={20 + x:.2f};press={3 + x:.2f}"),
        ("logger/dl4/csv", f"temp,flow\n{20 + x:.2f},{3 + x:.2f}\n"),
        ("logger/dl5/csv", f"<m><t>{20 + x:.2f}</t></m>"),
        ("logger/dl6/csv", b"\x81\xa4temp\xcb" + bytes(8)),
    ]


def quoted_and_of_the_network(i: int, t: int, x: float) -> Messages:
    return [
        ("hall/m1/temp", f'"{20 + x:.2f}"'),
        ("hall/m1/heartbeat", str(t)),
        ("hall/m1/rssi", str(-60 - i % 4)),
        ("hall/m1/fixed", "7"),
    ]


def states_of_a_house(i: int, t: int, x: float) -> Messages:
    said = {"state": f"{44 + x:.2f}", "unit_of_measurement": '"%"', "last_changed": f'"{iso(t)}"'}
    return [(f"hass/sensor/{name}/{what}", one) for name in ("tank", "vat") for what, one in said.items()]


def called_as_we_are(_i: int, _t: int, x: float) -> Messages:
    return [("plc/gateway/temp", f"{20 + x:.2f}"), ("plc/historian/temp", f"{20 + x:.2f}")]


SYSTEMS: dict[System, tuple[dict[str, set[str]], dict[str, int]]] = {
    chirpstack: ({"cold-room-1": {"temperature"}}, {}),
    things_network: ({"tank-7": {"level_cm"}}, {}),
    aws_shadow: ({"press-1": {"rpm"}, "press-2": {"rpm"}}, {}),
    kepware: ({"iotgateway": {"line1_p1_temp", "line1_p2_temp"}}, {"bad_quality": 4}),
    industrial_edge: ({"PLC_1": {"101", "102"}}, {}),
    mindsphere: ({"m1": {"dp1"}}, {}),
    thingsboard: ({"Device-A": {"humidity"}, "Device-B": {"humidity"}}, {}),
    neuron: ({"modbus1": {"tag0"}}, {}),
    losant: ({"5f1a": {"volts"}, "5f1b": {"volts"}}, {}),
    tasmota_meter: (
        {"meter-1": {"energy", "energy_power_0", "energy_power_1", "energy_voltage_0", "energy_voltage_1"}},
        {"bad_topic": ROUNDS},
    ),
    tasmota_elsewhere: ({"plug-a": {"power"}, "plug-b": {"power"}}, {}),
    zigbee_elsewhere: ({"Cold-store": {"humidity"}, "plug-1": {"humidity"}}, {"bad_topic": ROUNDS}),
    shelly_elsewhere: ({"fan-1": {"power", "state"}, "fan-2": {"power", "state"}}, {}),
    announced: ({"Boiler-room": {"temperature", "burner"}}, {}),
    esphome: ({"boiler-room": {"flow_temperature", "burner"}, "pump-house": {"pressure"}}, {"bad_topic": ROUNDS}),
    commas: ({"presse1": {"temperatur", "zaehler"}, "presse2": {"druck_bar"}}, {}),
    gaps_in_words: ({"oven": {"t1", "t2", "t3"}, "stove": {"temp"}}, {"missing_marker": 19}),
    wrapped: ({name: {"temp"} for name in ("marked", "wide", "twice", "ended")}, {}),
    several_in_a_list: ({f"p{n}": {"flow"} for n in range(3)}, {}),
    several_by_key: ({f"fan{n}": {"rpm", "amps"} for n in range(3)}, {}),
    several_by_number: ({"1": {"rh"}, "2": {"rh"}}, {}),
    bare_list: ({"plc7": {"value_0", "value_1"}}, {}),
    fields_and_tags: ({"mill-3": {"torque"}}, {}),
    times_and_values: ({"pump": {"flow"}}, {}),
    one_point_a_message: ({"scada": {"tt101", "pt102"}}, {"bad_quality": 8}),
    namespace: ({"m1": {"temp", "speed"}, "m2": {"temp", "speed"}}, {}),
    values_with_units: ({"m5": {"temp", "run"}}, {}),
    nameplate: ({"robot1": {"load"}}, {}),
    odd_topics: (
        {"m1": {"temp"}, "Kuhlung-1": {"druck"}, "b": {"temp"}, "1": {"温度"}, "2": {"温度"}},
        {"bad_topic": ROUNDS},
    ),
    topics_within_topics: ({"0722": {"value_0", "value_1", "wh"}}, {}),
    two_of_a_name: ({"m": {"power", "power-2", "torque"}}, {}),
    loggers: (
        {
            "dl1": {"field_2", "field_3"},
            "dl2": {"field_2", "field_3"},
            "dl3": {"temp", "press"},
            "dl4": {"temp", "flow"},
        },
        {"bad_topic": 2 * ROUNDS},
    ),
    quoted_and_of_the_network: ({"m1": {"temp"}}, {}),
    states_of_a_house: ({"tank": {"state"}, "vat": {"state"}}, {}),
    called_as_we_are: ({"device-gateway": {"temp"}, "device-historian": {"temp"}}, {}),
}


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.__name__)
def test_messages_of_a_foreign_system_become_its_devices_and_sensors(tmp_path: Path, system: System) -> None:
    wanted, refused = SYSTEMS[system]
    messages = heard(system)
    text, _, configuration = drafted(tmp_path, messages)
    assert {name: set(spec.sensors) for name, spec in configuration.plant.devices.items()} == wanted, text
    outcome = try_out(text, messages)
    assert dict(outcome.refused) == refused, text
    assert outcome.values >= ROUNDS * len(wanted) - refused.get("missing_marker", 0) - refused.get("bad_quality", 0)


@given(two=st.sets(st.sampled_from(sorted(SYSTEMS, key=lambda system: system.__name__)), min_size=2, max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@example(two={gaps_in_words, quoted_and_of_the_network})
@example(two={esphome, states_of_a_house})
def test_what_a_system_becomes_does_not_depend_on_what_else_a_broker_carries(tmp_path: Path, two: set[System]) -> None:
    one, other = (SYSTEMS[system][0] for system in two)
    assume(not one.keys() & other.keys())
    messages = sorted((message for system in two for message in heard(system)), key=lambda message: message.at)
    text, _, configuration = drafted(tmp_path, messages)
    assert {name: set(spec.sensors) for name, spec in configuration.plant.devices.items()} == {**one, **other}, text


KEYS = st.sampled_from(
    ["temp", "flow", "speed", "press_bar", "ts", "rssi", "meta", "Level %", "a.b", "x", "value", "q"]
)
NUMBERS = st.sampled_from(["number", "text", "truth", "always"])
FORMS = st.recursive(
    NUMBERS,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(KEYS, inner, min_size=1, max_size=4),
    max_leaves=8,
)


def filled(form: Any, i: int) -> Any:
    """Return a message of a form, in which everything but what is always the same changes with ``i``."""
    if isinstance(form, dict):
        return {key: filled(one, i) for key, one in form.items()}
    if isinstance(form, list):
        return [filled(one, i) for one in form]
    return {"number": 20.5 + i, "text": f"{20 + i}.25", "truth": i % 2 > 0, "always": 7}.get(form, form)


def changing(form: Any) -> int:
    parts = form.values() if isinstance(form, dict) else form if isinstance(form, list) else ()
    return sum(map(changing, parts)) + (form in ("number", "text", "truth") if isinstance(form, str) else 0)


@given(form=st.dictionaries(KEYS, FORMS, min_size=1, max_size=4) | st.lists(FORMS, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_whatever_changes_in_a_message_is_a_sensor_or_named_as_left_out(tmp_path: Path, form: Any) -> None:
    messages = [CapturedMessage("works/m1/data", payload(filled(form, i)), T + 5.0 * i) for i in range(8)]
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    draft = survey.draft()
    watched = sum(len(device.watched()) for device in draft.devices.values())
    named = sum(len(sender.left_out) for sender in survey.senders.values())
    kept = sum(len(device.left_out) for device in draft.devices.values())
    assert watched + named + kept >= changing(form), draft.source_lines()
    if not draft.devices:
        assert survey.passed_over.total() == len(messages)
        return
    text, _, _ = drafted(tmp_path, messages)
    outcome = try_out(text, messages)
    # What is taken and what is refused is all that was sent of what is watched.
    assert outcome.values + outcome.refused.total() >= len(messages) * watched, text
    assert not outcome.refused, text


ODD = st.sampled_from(
    [None, True, "", [], {}, {"a": 1}, [{"a": 1}], 10**400, 1e308, "1e999", "NaN", "x" * 300, "泵 1", 192, "{device}"]
)
"""What stands in a message where nobody expects it."""


@given(system=st.sampled_from(sorted(SYSTEMS, key=lambda system: system.__name__)), odd=st.data())
@settings(max_examples=25)
def test_odd_values_in_the_messages_of_a_foreign_system_cost_no_more_than_themselves(
    system: System, odd: st.DataObject
) -> None:
    def spoilt(said: Any) -> Any:
        if odd.draw(st.integers(0, 19)) == 0:
            return odd.draw(ODD)
        if isinstance(said, dict):
            return {key: spoilt(one) for key, one in said.items()}
        return [spoilt(one) for one in said] if isinstance(said, list) else said

    messages = [
        CapturedMessage(topic, payload(spoilt(said) if isinstance(said, dict | list) else said), T + 5.0 * i)
        for i in range(3)
        for topic, said in system(i, T + 5 * i, i / 10)
    ]
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    draft = survey.draft()
    if draft.devices:
        text = new_file(draft, name="Found", broker={"host": "localhost", "port": 1883}, seen="a test", at=T)
        assert "decoder_failure" not in try_out(text, messages).refused, text


def spoken(*said: tuple[str, Any]) -> tuple[str, dict[str, int]]:
    """Return the file of messages that come four times with other numbers, and what is refused of them with it."""
    messages = [CapturedMessage(topic, payload(filled(form, i)), T + 5.0 * i) for i in range(4) for topic, form in said]
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    text = new_file(survey.draft(), name='a "plant"', broker={"host": "::1", "port": 1883}, seen="a\ntest", at=T)
    return text, dict(try_out(text, messages).refused)


class Counted(set[str]):
    """Names, and how often it was asked for one."""

    asked = 0

    def __contains__(self, name: object) -> bool:
        self.asked += 1
        return super().__contains__(name)


def test_a_name_is_found_in_a_few_steps_among_thousands_that_are_alike() -> None:
    taken = Counted()
    given = []
    for _ in range(2_000):
        given.append(free_name("x" * 80, taken))
        taken.add(given[-1])
    assert len(taken) == 2_000
    assert [name[-3:] for name in given[:3]] == ["xxx", "x-2", "x-3"]
    assert taken.asked < 2_000 * 25
    taken.remove(given[1])
    assert free_name("x" * 80, taken) == given[1]
    assert {len(name) for name in given} == {len(given[0])}


def test_lines_and_sources_whose_long_names_begin_alike_are_told_apart() -> None:
    long = "x" * 70
    sensors = {long: "number", f"{long}y": "number"}
    text, refused = spoken((f"{long}/one", sensors), (f"{long}/two/b", {"b": "number"}))
    assert refused == {}
    assert f"  {'x' * 57}-2:" in text


@pytest.mark.parametrize("said", ["number", "truth"])
def test_a_sensor_that_a_preset_names_in_another_unit_does_not_spoil_the_file(said: str) -> None:
    zigbee = ("zigbee2mqtt/weather", {"temperature": "number", "linkquality": "number", "pressure": said})
    other = ("works/m1/data", {"pressure": "number", "flow": "number"})
    for messages in ([other, zigbee], [other, (zigbee[0], {"temperature": "number", "linkquality": "number"})]):
        text, refused = spoken(*messages)
        assert refused == {}, text


def test_a_topic_with_an_empty_level_names_no_machine() -> None:
    text, refused = spoken(("/t1", "21.5"), ("/t2", "22.5"))
    assert (refused, 'topic: "/{sensor}"' in text) == ({}, True), text


def test_a_machine_that_is_called_like_a_number_or_a_truth_is_added_under_its_name(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    known = [CapturedMessage(f"x/{name}/v", b'{"temp": %d.5}' % i, T + i) for i in range(4) for name in ("m1", "m2")]
    survey = BrokerSurvey()
    for message in known:
        survey.add(message)
    plant.write_text(
        new_file(survey.draft(), name="Found", broker={"host": "localhost", "port": 1883}, seen="a test", at=T)
    )
    diff, _ = additions(plant, [one._replace(topic=f"x/{name}/v") for one in known for name in ("12", "on")])
    assert {line.split(":")[0] for line in diff.splitlines() if line.startswith("+      ")} == {
        '+      "12"',
        '+      "on"',
    }


def test_many_machines_of_many_kinds_are_all_read_and_their_table_stays_one_to_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps({"tst": T + 5 * i, "topic": f"x/m{n}/data", "payload": {f"a{n}": i + 0.5, f"b{n}": n + i}})
        for i in range(3)
        for n in range(300)
    ]
    (tmp_path / "heard.jsonl").write_text("\n".join(lines))
    assert discover(capture=tmp_path / "heard.jsonl", out=tmp_path / "plant.yaml") == DONE
    told = capsys.readouterr().err.splitlines()
    assert any("900 of 900 messages give 1,800 values" in line for line in told), told[-3:]
    assert any("and 260 more" in line for line in told)
    assert len(told) < 50
    assert max(map(len, told[:-2])) < 100
