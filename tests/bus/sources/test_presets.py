"""Messages written anew from the public documentation of each system: what they become, and what is refused."""

from pathlib import Path

import pytest

from aegisflow.config.presets import PRESETS, preset_text
from tests.support.source_bench import RECEIVED_AT, SourceBench, Taken

T = 1_773_480_413.0
"""2026-03-14T09:26:53Z."""
STATE = {"unit": "1", "kind": "state"}


def test_zigbee2mqtt_is_read_by_the_names_of_its_devices_with_units_converted(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "zigbee2mqtt", "devices": {"Cold store 2": "store-02"}},
        {
            "store-02": {"temperature": "°C", "humidity": "%RH", "pressure": "bar", "voltage": "V", "linkquality": "1"},
            "plug-01": {"power": "kW", "state": STATE},
        },
    )
    said = (
        b'{"battery":97,"humidity":48.91,"last_seen":"2026-03-14T10:26:53+01:00","linkquality":120,'
        b'"pressure":1012.8,"temperature":-18.46,"voltage":3005}'
    )
    values = {
        "temperature": -18.46,
        "humidity": 48.91,
        "pressure": 1.0128,
        "voltage": 3.005,
        "linkquality": 120.0,
    }
    assert bench.take("zigbee2mqtt/Cold store 2", said) == Taken([("store-02", T, values)], [], [])
    plug = b'{"state":"ON","power":1450}'
    assert bench.take("zigbee2mqtt/plug-01", plug).readings == [("plug-01", RECEIVED_AT, {"power": 1.45, "state": 1.0})]
    assert bench.take("zigbee2mqtt/plug-01", b'{"state":"TOGGLE"}').refused == [("state", "wrong_type", "TOGGLE")]
    assert bench.take("zigbee2mqtt/plug-01", plug, retain=True).problems == ["retained"]
    assert bench.take("zigbee2mqtt/Kitchen", plug).problems == ["unknown_device"]
    assert bench.take("zigbee2mqtt/plug-01", b"online").problems == ["not_json"]
    assert bench.take("zigbee2mqtt/plug-01", b'{"linkquality":120}') == Taken([], [], [])


def test_tasmota_is_read_in_its_own_time_zone_and_whatever_chip_measures(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "tasmota", "time": {"zone": "Europe/Berlin"}},
        {"tank-01": {"temperature": "°F", "humidity": "%RH"}, "plug-02": {"power": "W", "energy": "kWh"}},
    )
    chip = b'{"Time":"2026-03-14T10:26:53","DS18B20":{"Id":"0A1B2C3D4E5F","Temperature":20.5},"TempUnit":"C"}'
    assert bench.take("tele/tank-01/SENSOR", chip).readings == [("tank-01", T, {"temperature": 68.9})]
    other = b'{"Time":"2026-03-14T10:26:53","BME280":{"Temperature":25.0,"Humidity":41.2,"Pressure":1012.3}}'
    assert bench.take("tele/tank-01/SENSOR", other).readings == [
        ("tank-01", T, {"temperature": 77.0, "humidity": 41.2})
    ]
    energy = (
        b'{"Time":"2026-03-14T10:26:53","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00","Total":3.185,'
        b'"Today":0.127,"Power":131,"Factor":0.91,"Voltage":228,"Current":0.629}}'
    )
    assert bench.take("tele/plug-02/SENSOR", energy).readings == [("plug-02", T, {"power": 131.0, "energy": 3.185})]
    untimed = b'{"ENERGY":{"Power":131}}'
    assert bench.take("tele/plug-02/SENSOR", untimed).problems == ["bad_timestamp"]
    assert bench.sources.route("tele/plug-02/STATE") is None


def test_shelly_notifications_are_read_and_events_passed_over(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "shelly_gen2", "devices": {"shellyplus1pm-a1b2c3d4e5f6": "fan-01"}},
        {"fan-01": {"power": "W", "energy": "kWh", "state": STATE}},
    )
    topic = "shellyplus1pm-a1b2c3d4e5f6/events/rpc"
    status = (
        b'{"src":"shellyplus1pm-a1b2c3d4e5f6","dst":"shellyplus1pm-a1b2c3d4e5f6/events","method":"NotifyStatus",'
        b'"params":{"ts":1773480413.42,"switch:0":{"id":0,"apower":8.9,"output":true,'
        b'"aenergy":{"total":6532.0,"by_minute":[45.199,47.141,88.397],"minute_ts":1773480360}}}}'
    )
    expected = {"power": 8.9, "energy": 6.532, "state": 1.0}
    assert bench.take(topic, status).readings == [("fan-01", T + 0.42, expected)]
    event = b'{"src":"s","dst":"d","method":"NotifyEvent","params":{"ts":1773480413.4,"events":[]}}'
    assert bench.take(topic, event) == Taken([], [], [])
    wifi = b'{"src":"s","method":"NotifyStatus","params":{"ts":1773480413.4,"wifi":{"rssi":-61}}}'
    assert bench.take(topic, wifi) == Taken([], [], [])
    broken = b'{"method":"NotifyStatus","params":{"ts":1773480413.4,"switch:0":{"apower":null,"output":"on"}}}'
    assert bench.take(topic, broken).refused == [("state", "wrong_type", "on")]


def test_telegraf_metrics_are_points_named_by_measurement_tag_and_field(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "telegraf_json", "sensors": {"idle": "cpu.cpu-total.usage_idle", "used": "mem.used_percent"}},
        {"edge-7": {"idle": "%", "used": "%"}},
    )
    cpu = '{"fields":{"usage_idle":98.1,"usage_user":1.2},"name":"cpu","tags":{"cpu":"%s","host":"edge-7"},'
    cpu += '"timestamp":%d}'
    one = (cpu % ("cpu-total", 1_773_480_413)).encode()
    assert bench.take("telegraf/edge-7/cpu", one).readings == [("edge-7", T, {"idle": 98.1})]
    mem = '{"fields":{"used_percent":41},"name":"mem","tags":{"host":"edge-7"},"timestamp":1773480413}'
    other = '{"fields":{"used_percent":41},"name":"mem","tags":{"host":"edge-8"},"timestamp":1773480413}'
    batch = f'{{"metrics":[{cpu % ("cpu0", 1_773_480_413)},{cpu % ("cpu-total", 1_773_480_413)},{mem},{other}]}}'
    taken = bench.take("telegraf/edge-7", batch.encode())
    assert taken == Taken([("edge-7", T, {"idle": 98.1, "used": 41.0})], [], ["unknown_device"])
    assert bench.take("telegraf/edge-7", b'{"metrics":[17]}').problems == ["not_json"]
    assert bench.take("telegraf/edge-7", b'{"name":"cpu","fields":{"x":1}}').problems == ["unknown_device"]


def test_line_protocol_is_read_line_by_line_and_a_bad_line_is_refused_alone(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {
            "preset": "influx_line",
            "device": {"path": "tags.machine"},
            "sensors": {"temperature": "mill,a.temp erature", "strokes": "mill,a.strokes", "on": "mill,a.on"},
        },
        {"mill-01": {"temperature": {"unit": "°C", "span": [-40, 1000]}, "strokes": "1", "on": STATE}},
    )
    said = (
        b"# a comment\n"
        b'mill\\,a,machine=mill-01,shift=a\\ b temp\\ erature=82.25,strokes=71i,on=t,note="a, b=c" '
        b"1773480413000000250\n"
        b"mill\\,a,machine=mill-01 temp\\ erature=1e4 1773480414000000000\n"
        b"mill\\,a temp\\ erature= 12\n"
        b"\n"
    )
    taken = bench.take("influx/hall", said)
    assert taken.readings == [
        ("mill-01", 1_773_480_413.000000250, {"temperature": 82.25, "strokes": 71.0, "on": 1.0}),
    ]
    assert taken.refused == [("temperature", "out_of_span", "10000")]
    assert taken.problems == ["bad_payload"]
    untimed = bench.take("influx/hall", b"mill\\,a,machine=mill-01 strokes=72u")
    assert untimed.readings == [("mill-01", RECEIVED_AT, {"strokes": 72.0})]
    assert bench.take("influx/hall", b"\xff\xfe").problems == ["binary"]


def test_opc_ua_pubsub_is_read_in_all_three_encodings_of_a_field_with_its_status(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "opcua_pubsub_json", "devices": {"urn:mixer:7": "mixer-07"}},
        {"mixer-07": {"Temperature": "°C", "Pressure": "bar", "Speed": "rpm", "Torque": "Nm"}},
    )
    said = (
        b'{"MessageId":"32235546-05d9-4fd7-97df-ea3ff3408574","MessageType":"ua-data","PublisherId":"urn:mixer:7",'
        b'"Messages":[{"DataSetWriterId":62541,"SequenceNumber":7,'
        b'"MetaDataVersion":{"MajorVersion":1,"MinorVersion":1},"Timestamp":"2026-03-14T09:26:53Z","Payload":{'
        b'"Temperature":{"Value":{"Type":11,"Body":71.25},"SourceTimestamp":"2026-03-14T09:26:52.5Z"},'
        b'"Pressure":{"Type":10,"Body":2.5},"Speed":1480,'
        b'"Torque":{"Value":12.5,"StatusCode":{"Code":2150891520,"Symbol":"BadNoData"}},"Unknown":4}}]}'
    )
    taken = bench.take("opcua/json/data/urn:mixer:7/group/writer", said)
    assert taken.readings == [
        ("mixer-07", T - 0.5, {"Temperature": 71.25}),
        ("mixer-07", T, {"Pressure": 2.5, "Speed": 1480.0}),
    ]
    assert taken.refused == [("Torque", "bad_quality", "12.5")]
    uncertain = b'{"Messages":[{"Payload":{"Torque":{"Value":12.5,"StatusCode":1083506688}}}]}'
    assert bench.take("opcua/json/data/urn:mixer:7", uncertain).readings == [
        ("mixer-07", RECEIVED_AT, {"Torque": 12.5})
    ]
    keepalive = b'{"MessageType":"ua-data","Messages":[{"MessageType":"ua-keepalive"}]}'
    assert bench.take("opcua/json/data/urn:mixer:7", keepalive).problems == ["no_known_sensor"]


def test_senml_is_resolved_with_base_time_unit_and_value(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {"preset": "senml"},
        {"meter-01": {"voltage": "mV", "current": "A", "temperature": "°F", "open": STATE}},
    )
    said = (
        b'[{"bn":"urn:dev:ow:10e2073a01080063:","bt":1773480413,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.5},'
        b'{"n":"current","t":-5,"v":1.25},{"n":"current","t":-4,"v":1.5},{"n":"temperature","u":"Cel","v":20.0},'
        b'{"n":"open","vb":true,"u":"1"},{"n":"current","u":"mol","v":3}]'
    )
    taken = bench.take("senml/meter-01", said)
    assert taken.readings == [
        ("meter-01", T, {"voltage": 120_500.0, "temperature": 68.0, "open": 1.0}),
        ("meter-01", T - 5, {"current": 1.25}),
        ("meter-01", T - 4, {"current": 1.5}),
    ]
    assert taken.refused == [("current", "wrong_unit", "3")]
    relative = b'[{"n":"current","u":"A","t":-60,"v":1.25},{"bv":10,"n":"current","u":"A","v":0.5}]'
    assert bench.take("senml/meter-01", relative).readings == [
        ("meter-01", RECEIVED_AT - 60, {"current": 1.25}),
        ("meter-01", RECEIVED_AT, {"current": 10.5}),
    ]
    assert bench.take("senml/meter-01", b'{"n":"current"}').problems == ["bad_payload"]
    ages_ago = b'[{"n":"current","u":"A","t":-1' + b"0" * 400 + b',"v":1.25}]'
    assert bench.take("senml/meter-01", ages_ago).refused == [("current", "bad_timestamp", "1.25")]


def test_home_assistant_announces_where_states_are_and_in_which_unit(tmp_path: Path) -> None:
    bench = SourceBench(
        tmp_path,
        {
            "preset": "homeassistant",
            "states": ["home/+/state"],
            "devices": {"Boiler room": "boiler-01"},
            "sensors": {"flow": "boiler_flow"},
        },
        {"boiler-01": {"temperature": "°C", "flow": "l/min", "running": STATE}},
    )
    state = b'{"t":{"flow":140.0},"f":"12.5"}'
    assert bench.take("home/boiler/state", state) == Taken([], [], [])
    device = b'"dev":{"ids":["b0a1"],"name":"Boiler room"}'
    bench.take(
        "homeassistant/sensor/boiler/t/config",
        b'{"~":"home/boiler","stat_t":"~/state","dev_cla":"temperature","unit_of_meas":"\xc2\xb0F","uniq_id":"b_t",'
        b'"val_tpl":"{{ value_json.t.flow | float }}",' + device + b"}",
        retain=True,
    )
    bench.take(
        "homeassistant/sensor/boiler/f/config",
        b'{"state_topic":"home/boiler/state","unit_of_measurement":"l/s","unique_id":"boiler_flow",'
        b'"value_template":"{{ value_json[\'f\'] }}","device":{"name":"Boiler room"}}',
    )
    bench.take(
        "homeassistant/binary_sensor/boiler/config",
        b'{"state_topic":"home/pump/state","unique_id":"running","payload_on":"run",' + device + b"}",
    )
    expected = {"temperature": 60.0, "flow": 750.0}
    assert bench.take("home/boiler/state", state).readings == [("boiler-01", RECEIVED_AT, expected)]
    assert bench.take("home/pump/state", b"run").readings == [("boiler-01", RECEIVED_AT, {"running": 1.0})]
    assert bench.take("home/pump/state", b"unknown").refused == [("running", "wrong_type", "unknown")]
    clever = b'{"state_topic":"home/x/state","value_template":"{% if value == 1 %}2{% endif %}","unique_id":"running"}'
    assert bench.take("homeassistant/sensor/x/config", clever).problems == ["bad_payload"]
    assert bench.take("homeassistant/sensor/boiler/f/config", b"") == Taken([], [], [])
    assert bench.take("home/boiler/state", state).readings[0][2] == {"temperature": 60.0}


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_a_file_that_an_integrator_can_read(name: str) -> None:
    text = preset_text(name)
    assert text.startswith("# ")
    assert "https://" in text
