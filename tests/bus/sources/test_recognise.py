"""Which preset a message belongs to, and that it reads what it recognises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus.sources.recognise import recognise
from aegisflow.config.presets import PRESETS
from simulator.sparkplug import DOUBLE, metric, payload

SAID = {
    "zigbee2mqtt": ("zigbee2mqtt/Cold store 2", b'{"temperature":-18.46,"linkquality":120}', "Cold store 2"),
    "tasmota": ("tele/tank-01/SENSOR", b'{"Time":"2026-03-14T10:26:53","DS18B20":{"Temperature":20.5}}', "tank-01"),
    "shelly_gen2": (
        "shellyplus1pm-a1b2c3/events/rpc",
        b'{"src":"x","method":"NotifyStatus","params":{"ts":1.0,"switch:0":{"apower":8.9}}}',
        "shellyplus1pm-a1b2c3",
    ),
    "homeassistant": (
        "homeassistant/sensor/boiler/t/config",
        b'{"stat_t":"home/boiler/state","dev":{"name":"Boiler room"}}',
        "Boiler room",
    ),
    "telegraf_json": (
        "telegraf/edge-7",
        b'{"metrics":[{"fields":{"usage_idle":98.1},"name":"cpu","tags":{"host":"edge-7"},"timestamp":1}]}',
        "edge-7",
    ),
    "influx_line": ("any", b"mill,host=mill-01 temperature=82.25 1773480413000000000", "mill-01"),
    "opcua_pubsub_json": (
        "opcua/json/data/urn:mixer:7/g/w",
        b'{"MessageType":"ua-data","PublisherId":"urn:mixer:7","Messages":[{"Payload":{"T":1}}]}',
        "urn:mixer:7",
    ),
    "senml": ("senml/meter-01", b'[{"bn":"urn:dev:ow:1:","n":"voltage","v":120.5}]', "meter-01"),
    "sparkplug_b": (
        "spBv1.0/Plant 1/DDATA/edge-7/P-101",
        payload(1.0, [metric(1.0, DOUBLE, alias=1)], 3),
        "Plant 1/edge-7/P-101",
    ),
}


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_recognised_with_the_senders_name_of_the_device(preset: str) -> None:
    topic, said, device = SAID[preset]
    found = recognise(topic, said)
    assert found is not None
    assert (found.preset, found.device) == (preset, device)
    assert found.why


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("aegisflow/sensors/pump-01", b'{"timestamp":"2026-03-14T09:26:53Z","temperature":71.5}'),
        ("plant/pump-01/temperature", b"71.5"),
        ("zigbee2mqtt/bridge/state", b'{"state":"online"}'),
        ("tele/tank-01/STATE", b'{"Time":"2026-03-14T10:26:53","Uptime":"0T01:00:10"}'),
        ("x/y", b'[{"id":1,"value":2}]'),
        ("x/y", b"hello world=1,x"),
        ("spBv1.0/g/DDATA/n/d", b"\xff\xff\xff"),
        ("x", b""),
    ],
)
def test_what_no_preset_reads_is_recognised_as_none(topic: str, said: bytes) -> None:
    assert recognise(topic, said) is None


@given(st.sampled_from(sorted({topic for topic, _, _ in SAID.values()})), st.binary(max_size=60))
def test_rubbish_is_recognised_as_something_or_nothing_without_an_error(topic: str, said: bytes) -> None:
    found = recognise(topic, said)
    assert found is None or found.preset in PRESETS
