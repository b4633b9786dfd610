"""What a plant file says of foreign machines, and every mistake in it."""

from pathlib import Path

import pytest

from aegisflow.config import difference, load
from aegisflow.config.paths import parse_path, parse_topic
from aegisflow.config.presets import PRESETS
from aegisflow.errors import ConfigError

PLANT = """\
kinds:
  pump:
    sensors:
      pressure: {unit: PSI}
      turbidity: {unit: NTU}
lines:
  line-1:
    devices:
      pump-01: pump
      pump-02: {kind: pump, signed: true, commands: none}
broker: {readings_key_env: KEY}
sources:
  them:
"""
GOOD = "    topic: x/{device}\n"


@pytest.fixture
def loaded(tmp_path: Path):
    def write_and_load(text: str):
        path = tmp_path / "plant.yaml"
        path.write_text(PLANT + text)
        return load(path, {})

    return write_and_load


MISTAKES = {
    "no topic": (
        "    partial: true",
        13,
        "them.topic",
        "nothing",
        "the topics of its messages, such as plant/{device}/+",
    ),
    "half a level": ("    topic: x/a{device}", 14, "them.topic", "'x/a{device}'", "as whole levels"),
    "ours": (
        "    topic: aegisflow/{device}/+",
        14,
        "them.topic",
        "'aegisflow/{device}/+'",
        "cannot be taken for one of broker.topics.sensors",
    ),
    "commands": ("    topic: '#'\n    device: pump-01", 14, "them.topic", "'#'", "taken for one of broker.topics"),
    "nobody": ("    topic: x/y", 13, "them.device", "nothing", "a path or an id, since its topic has no {device}"),
    "preset": ("    preset: zigbe2mqtt", 14, "them.preset", "'zigbe2mqtt'", "did you mean 'zigbee2mqtt'?"),
    "unknown key": (GOOD + "    tiem: t", 15, "them.tiem", "the unknown key 'tiem'", "did you mean 'time'?"),
    "path": (GOOD + "    sensors: {pressure: 'a..b'}", 15, "them.sensors.pressure.path", "'a..b'", "a path such as"),
    "sensor": (GOOD + "    sensors: {presure: p}", 15, "them.sensors.presure", "'presure'", "did you mean 'pressure'?"),
    "table": (GOOD + "    devices: {a: pump-1}", 15, "them.devices.a", "'pump-1'", "one of: pump-01"),
    "device": ("    topic: x\n    device: pump-1", 15, "them.device.id", "'pump-1'", "one of: pump-01"),
    "unit": (
        GOOD + "    sensors: {pressure: {path: p, unit: °C}}",
        15,
        "them.sensors.pressure.unit",
        "'°C'",
        "the sensor's own unit PSI, or one that can be converted to it",
    ),
    "unit that nobody knows": (
        GOOD + "    sensors: {turbidity: {path: p, unit: FNU}}",
        15,
        "them.sensors.turbidity.unit",
        "'FNU'",
        "the sensor's own unit NTU",
    ),
    "time format": (
        GOOD + "    time: {path: t, format: unix}",
        15,
        "them.time.format",
        "'unix'",
        "one of iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern",
    ),
    "time pattern": (GOOD + "    time: {path: t, format: '%Q'}", 15, "them.time.format", "'%Q'", "or a pattern"),
    "zone": (GOOD + "    time: {path: t, zone: Berlin}", 15, "them.time.zone", "'Berlin'", "such as Europe/Berlin"),
    "map": (GOOD + "    sensors: {pressure: {map: {on: yes}}}", 15, "them.sensors.pressure.map.on", "'yes'", "number"),
    "format": (GOOD + "    format: xml", 15, "them.format", "'xml'", "one of json, value, csv, influx_line, senml"),
    "a bare value of nobody": (GOOD + "    format: value", 14, "them.topic", "no {sensor}", "{sensor} in the topic"),
    "points and a sensor": (
        "    topic: x/{device}/{sensor}\n    points: p",
        15,
        "them.points",
        "points beside {sensor} in the topic",
        "one or the other",
    ),
    "two ways": (
        GOOD + "    sensors: {pressure: {path: p, jmespath: q}}",
        15,
        "them.sensors.pressure.jmespath",
        "jmespath beside path",
        "one or the other",
    ),
    "jmespath": (
        GOOD + "    sensors: {pressure: {jmespath: 'a[?'}}",
        15,
        "them.sensors.pressure.jmespath",
        "'a[?'",
        "an expression of JMESPath",
    ),
    "states": ("    preset: homeassistant", 13, "them.states", "nothing", "the topics of the states"),
    "a signed device": (
        "    topic: x/{device}\n    devices: {a: pump-02}\ndefaults: {}",
        15,
        "them.devices.a",
        "'pump-02'",
        "a device that is not signed, one of: pump-01",
    ),
    "receipt in a replay": (
        GOOD + "clock: {source: stream}",
        13,
        "them.time",
        "none",
        "the path of a time, since clock.source is stream",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_source_is_told_with_its_line_its_keys_and_what_was_expected(loaded, name: str) -> None:
    text, line, at, found, expected = MISTAKES[name]
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.path, mistake.value) == (line, f"sources.{at}", found)
    assert expected in mistake.expected


def test_all_mistakes_of_all_sources_are_told_at_once(loaded) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(GOOD + "    format: xml\n  others: {topic: y, time: {zone: X}}\n")
    assert {mistake.path for mistake in caught.value.mistakes} == {
        "sources.them.format",
        "sources.others.time.zone",
        "sources.others.device",
    }


def test_a_source_says_only_where_it_differs_from_its_preset(loaded) -> None:
    source = loaded(
        "    preset: zigbee2mqtt\n    time: {format: epoch_ms}\n    sensors: {pressure: {path: p2}, turbidity: t}\n"
    ).sources["them"]
    assert source.topic == ("zigbee2mqtt/{device}",)
    assert (source.time.path, source.time.format, source.time.optional) == (("last_seen",), "epoch_ms", True)
    pressure, turbidity = source.sensors["pressure"], source.sensors["turbidity"]
    assert pressure is not None
    assert turbidity is not None
    assert (pressure.path, pressure.unit, turbidity.path) == (("p2",), "hPa", ("t",))


def test_what_changed_in_the_sources_waits_for_a_restart(loaded) -> None:
    before, after = loaded(GOOD), loaded(GOOD + "    partial: true")
    assert difference(before, after).needs_restart == ("sources",)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_needs_no_more_than_its_name_and_what_it_asks_for(loaded, name: str) -> None:
    states = "\n    states: [y/+]" if name == "homeassistant" else ""
    assert loaded(f"    preset: {name}{states}").sources["them"].preset == name


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (".", ()),
        ("a", ("a",)),
        ("a.switch:0.b c", ("a", "switch:0", "b c")),
        ("[0].a[-1]", (0, "a", -1)),
        ('a["b.c"]["d\\"e"].f', ("a", "b.c", 'd"e', "f")),
        ("['x y']", ("x y",)),
    ],
)
def test_a_path_is_keys_and_places(text: str, steps: tuple) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize("text", ["", "a.", ".a..b", "a[", "a[x]", "a]b", "[0]a", 'a["b]'])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


def test_a_topic_names_device_and_sensor_by_levels() -> None:
    topic = parse_topic("a/{device}/+/{device}/{sensor}/#")
    assert topic.filter == "a/+/+/+/+/#"
    assert topic.match("a/b/c/d/e") == ("b/d", "e")
    assert topic.match("a/b/c/d/e/f/g") == ("b/d", "e")
    assert topic.match("a/b/c/d") is None
    assert parse_topic("a.b/{device}").match("axb/c") is None


def test_a_machine_may_be_only_watched(loaded) -> None:
    devices = loaded(GOOD).plant.devices
    assert (devices["pump-01"].watched_only, devices["pump-02"].watched_only) == (False, True)
