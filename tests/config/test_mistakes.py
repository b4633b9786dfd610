import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.config import json_schema, load
from aegisflow.config.mistakes import MAX_SHOWN, Mistakes
from aegisflow.config.source import read
from aegisflow.errors import ConfigError, Mistake
from tests.support.places import PLANT_FILE

GOOD = """\
kinds:
  pump:
    sensors:
      pressure: {unit: PSI}
lines:
  line-1:
    devices:
      pump-01: pump
"""
"""Eight lines: what a test appends begins on line 9."""


def mistakes_of(path: Path) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return caught.value.mistakes


@pytest.fixture
def only_mistake(tmp_path):
    """Write a plant file and return its one mistake."""

    def write_and_load(text: str | bytes) -> Mistake:
        path = tmp_path / "plant.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = mistakes_of(path)
        assert len(found) == 1, "\n".join(map(str, found))
        assert found[0].file == str(path)
        return found[0]

    return write_and_load


def sensor(text: str) -> str:
    return GOOD.replace("{unit: PSI}", text)


def device(text: str) -> str:
    return GOOD.replace("pump-01: pump", text)


AT_SENSOR = "kinds.pump.sensors.pressure"
AT_DEVICE = "lines.line-1.devices"

MISTAKES = {
    # unknown keys
    "unknown section": (GOOD + "borker: {}", 9, "borker", "the unknown key 'borker'", "did you mean 'broker'?"),
    "unknown key": (
        GOOD + "broker: {prot: 1}",
        9,
        "broker.prot",
        "the unknown key 'prot'",
        "one of: host, port, protocol",
    ),
    "a password in the file": (
        GOOD + "broker: {password: geheim}",
        9,
        "broker.password",
        "the unknown key 'password'",
        "did you mean 'password_env'?",
    ),
    "unknown key of a sensor": (
        sensor("{unit: PSI, treshold: 1}"),
        4,
        AT_SENSOR + ".treshold",
        "the unknown key 'treshold'",
        "one of: unit, description, normal",
    ),
    "unknown key of bounds": (
        sensor("{unit: PSI, normal: {hi: 1}}"),
        4,
        AT_SENSOR + ".normal.hi",
        "the unknown key 'hi'",
        "one of: low, high; did you mean 'high'?",
    ),
    # duplicates
    "the same key twice": (
        device("pump-01: pump\n      pump-01: pump"),
        9,
        AT_DEVICE + ".pump-01",
        "'pump-01' a second time",
        "each key once; it already stands on line 8",
    ),
    "the same device on two lines": (
        GOOD + "  line-2:\n    devices:\n      pump-01: pump",
        11,
        "lines.line-2.devices.pump-01",
        "'pump-01' a second time",
        "each device id once; it already stands under lines.line-1",
    ),
    # limits
    "normal upside down": (
        sensor("{unit: PSI, normal: [35, 28]}"),
        4,
        AT_SENSOR + ".normal.low",
        "35",
        "a value below 28 PSI, this sensor's normal.high",
    ),
    "normal of no width": (sensor("{unit: K, normal: [5, 5]}"), 4, AT_SENSOR + ".normal.low", "5", "below 5 K"),
    "alarm inside normal": (
        sensor("{unit: PSI, normal: [28, 35], alarm: {high: 30}}"),
        4,
        AT_SENSOR + ".normal.high",
        "35",
        "a value below or equal to 30 PSI, this sensor's alarm.high",
    ),
    "low alarm inside normal": (
        sensor("{unit: PSI, normal: [28, 35], alarm: {low: 30}}"),
        4,
        AT_SENSOR + ".normal.low",
        "28",
        "a value above or equal to 30 PSI, this sensor's alarm.low",
    ),
    "trip inside alarm": (
        sensor("{unit: PSI, alarm: {low: 10}, trip: {low: 12}}"),
        4,
        AT_SENSOR + ".alarm.low",
        "10",
        "a value above or equal to 12 PSI, this sensor's trip.low",
    ),
    "low alarm above a high trip": (
        sensor("{unit: PSI, alarm: {low: 50}, trip: {high: 42}}"),
        4,
        AT_SENSOR + ".alarm.low",
        "50",
        "a value below 42 PSI, this sensor's trip.high",
    ),
    "outside of the span": (
        sensor("{unit: PSI, alarm: {high: 200}, span: [0, 100]}"),
        4,
        AT_SENSOR + ".alarm.high",
        "200",
        "a value below or equal to 100 PSI, this sensor's span.high",
    ),
    "an override against the kind": (
        sensor("{unit: PSI, alarm: {high: 40}}").replace(
            "pump-01: pump", "pump-01: {kind: pump, sensors: {pressure: {normal: {high: 41}}}}"
        ),
        8,
        AT_DEVICE + ".pump-01.sensors.pressure.normal.high",
        "41",
        "a value below or equal to 40 PSI, this sensor's alarm.high",
    ),
    "three bounds": (
        sensor("{unit: PSI, normal: [1, 2, 3]}"),
        4,
        AT_SENSOR + ".normal",
        "a list of 3 items",
        "{low: 10, high: 20}, or [10, 20]",
    ),
    "a bound in words": (
        sensor("{unit: PSI, normal: [1, much]}"),
        4,
        AT_SENSOR + ".normal.high",
        "'much'",
        "a finite number",
    ),
    # units
    "an empty unit": (sensor("{unit: ''}"), 4, AT_SENSOR + ".unit", "''", "a unit of 1 to 32 characters, such as °C"),
    "a unit of two lines": (sensor(r'{unit: "m\ns"}'), 4, AT_SENSOR + ".unit", r"'m\ns'", "a unit of 1 to 32"),
    "a sentence for a unit": (sensor(f"{{unit: {'long ' * 7}}}"), 4, AT_SENSOR + ".unit", "'long", "a unit of 1 to 32"),
    "a number for a unit": (sensor("{unit: 1}"), 4, AT_SENSOR + ".unit", "1", "a unit of 1 to 32 characters"),
    "another spelling of a unit": (sensor("{unit: degC}"), 4, AT_SENSOR + ".unit", "'degC'", "did you mean °C?"),
    "a unit in small letters": (sensor("{unit: psi}"), 4, AT_SENSOR + ".unit", "'psi'", "did you mean PSI?"),
    "a unit in large letters": (sensor("{unit: MBAR}"), 4, AT_SENSOR + ".unit", "'MBAR'", "did you mean mbar?"),
    "a unit with another sign": (
        sensor("{unit: μm}"),
        4,
        AT_SENSOR + ".unit",
        "'μm'",
        "a unit as AegisFlow knows it, one of: °C, °F, K, PSI",
    ),
    "no unit": (sensor("{}"), 4, AT_SENSOR + ".unit", "nothing", "the unit of this sensor, such as °C"),
    # references
    "unknown kind": (
        device("pump-01: pmup"),
        8,
        AT_DEVICE + ".pump-01.kind",
        "'pmup'",
        "a name under kinds, one of: pump; did you mean 'pump'?",
    ),
    "no kind": (
        device("pump-01: {}"),
        8,
        AT_DEVICE + ".pump-01.kind",
        "nothing",
        "a name under kinds, one of: pump",
    ),
    "a sensor taken away that is not there": (
        device("pump-01: {kind: pump, sensors: {presure: null}}"),
        8,
        AT_DEVICE + ".pump-01.sensors.presure",
        "null for 'presure'",
        "a sensor of its kind to take away, one of: pressure; did you mean 'pressure'?",
    ),
    "a device without sensors": (
        device("pump-01: {kind: pump, sensors: {pressure: null}}"),
        8,
        AT_DEVICE + ".pump-01.sensors",
        "no sensors",
        "at least one sensor, here or in its kind",
    ),
    # numbers
    "infinite": (sensor("{unit: PSI, normal: {high: .inf}}"), 4, AT_SENSOR + ".normal.high", "'.inf'", "a finite"),
    "not a number": (sensor("{unit: PSI, normal: {low: .nan}}"), 4, AT_SENSOR + ".normal.low", "'.nan'", "a finite"),
    "too large for a float": (
        sensor(f"{{unit: PSI, normal: {{low: 1{'0' * 400}}}}}"),
        4,
        AT_SENSOR + ".normal.low",
        f"'1{'0' * 56}…'",
        "a finite number",
    ),
    "beyond any instrument": (
        sensor("{unit: PSI, normal: {high: 1e300}}"),
        4,
        AT_SENSOR + ".normal.high",
        "1e+300",
        "this sensor's span.high",
    ),
    # nothing to watch
    "no devices": ("kinds: {}\nlines: {}", 2, "lines", "no devices", "at least one line with at least one device"),
    "no lines": ("plant: {name: x}", None, "lines", "no devices", "at least one line with at least one device"),
    # detector and alarm
    "window too small": (
        sensor("{unit: PSI, detector: {window: 1}}"),
        4,
        AT_SENSOR + ".detector.window",
        "1",
        "a whole number from 2 up to 100000",
    ),
    "window too large": (
        GOOD + "defaults: {detector: {window: 100001}}",
        9,
        "defaults.detector.window",
        "100001",
        "from 2 up to 100000",
    ),
    "half a reading": (
        GOOD + "defaults: {detector: {window: 60.5}}",
        9,
        "defaults.detector.window",
        "60.5",
        "a whole number",
    ),
    "more readings than the window has": (
        sensor("{unit: PSI, detector: {min_readings: 61}}"),
        4,
        AT_SENSOR + ".detector.min_readings",
        "61",
        "at most 60, the window",
    ),
    "a window below the readings of its kind": (
        sensor("{unit: PSI, detector: {min_readings: 30}}").replace(
            "pump-01: pump", "pump-01: {kind: pump, sensors: {pressure: {detector: {window: 20}}}}"
        ),
        8,
        AT_DEVICE + ".pump-01.sensors.pressure.detector.window",
        "20",
        "at least 30, its min_readings",
    ),
    "threshold of zero": (
        sensor("{unit: PSI, detector: {threshold: 0}}"),
        4,
        AT_SENSOR + ".detector.threshold",
        "0",
        "a finite number above 0 up to 1000",
    ),
    "threshold in words": (
        GOOD + "defaults: {detector: {threshold: high}}",
        9,
        "defaults.detector.threshold",
        "'high'",
        "a finite number above 0",
    ),
    "no delay": (GOOD + "defaults: {alarm: {on_delay: 0}}", 9, "defaults.alarm.on_delay", "0", "such as 15s or 3min"),
    "a delay without its unit": (
        GOOD + "defaults: {alarm: {on_delay: 1.5}}",
        9,
        "defaults.alarm.on_delay",
        "1.5",
        "a duration up to 7d with its unit",
    ),
    "a delay in no unit of time": (
        GOOD + "defaults: {alarm: {off_delay: 3 readings}}",
        9,
        "defaults.alarm.off_delay",
        "'3 readings'",
        "a duration up to 7d with its unit",
    ),
    "a truth as number": (
        GOOD + "defaults: {alarm: {off_delay: true}}",
        9,
        "defaults.alarm.off_delay",
        "true",
        "a duration up to 7d with its unit",
    ),
    # durations
    "no duration": (
        sensor("{unit: PSI, stale_after: soon}"),
        4,
        AT_SENSOR + ".stale_after",
        "'soon'",
        "a duration up to 7d, such as 30s or 5min, or never",
    ),
    "negative duration": (GOOD + "clock: {max_age: -5}", 9, "clock.max_age", "-5", "a duration above 0 s"),
    "broken seconds": (GOOD + "broker: {keepalive: 1.5}", 9, "broker.keepalive", "1.5", "a duration from 1 s"),
    "an endless duration": (
        GOOD + f"clock: {{max_age: {'9' * 400}d}}",
        9,
        "clock.max_age",
        "inf",
        "a duration above 0 s",
    ),
    "a retention too short": (
        GOOD + "store: {raw_retention: 10min}",
        9,
        "store.raw_retention",
        "600",
        "a duration from 1 h up to 36525 d",
    ),
    "aggregates gone before readings": (
        GOOD + "store: {minute_retention: 6d}",
        9,
        "store.minute_retention",
        "minute_retention shorter than raw_retention",
        "aggregates kept for longer",
    ),
    "pauses upside down": (
        GOOD + "broker: {reconnect_max: 0.1}",
        9,
        "broker.reconnect_max",
        "0.1",
        "at least 0.5 s, the reconnect_min",
    ),
    "back-off upside down": (
        GOOD + "supervision: {backoff_min: 10}",
        9,
        "supervision.backoff_min",
        "10",
        "at most 5 s, the backoff_max",
    ),
    # topics
    "no device in the topic": (
        GOOD + "broker: {topics: {sensors: a/b}}",
        9,
        "broker.topics.sensors",
        "'a/b'",
        "{device_id} as exactly one whole level",
    ),
    "the device twice": (
        GOOD + "broker: {topics: {acks: '{device_id}/{device_id}'}}",
        9,
        "broker.topics.acks",
        "'{device_id}/{device_id}'",
        "exactly one whole level",
    ),
    "the device as part of a level": (
        GOOD + "broker: {topics: {commands: 'a/x-{device_id}'}}",
        9,
        "broker.topics.commands",
        "'a/x-{device_id}'",
        "exactly one whole level",
    ),
    "a wildcard": (
        GOOD + "broker: {topics: {sensors: 'a/+/{device_id}'}}",
        9,
        "broker.topics.sensors",
        "'a/+/{device_id}'",
        "no + or #",
    ),
    "a broker's own topic": (
        GOOD + "broker: {topics: {status: $SYS/x}}",
        9,
        "broker.topics.status",
        "'$SYS/x'",
        "not beginning with $",
    ),
    "an empty topic": (GOOD + "broker: {topics: {status: ''}}", 9, "broker.topics.status", "''", "a topic such as"),
    "topics that mix": (
        GOOD + "broker: {topics: {acks: 'aegisflow/commands/{device_id}'}}",
        9,
        "broker.topics.acks",
        "'aegisflow/commands/{device_id}'",
        "a topic that cannot be taken for one of commands",
    ),
    # names
    "a device with a slash": (
        device("pump/01: pump"),
        8,
        AT_DEVICE + ".pump/01",
        "'pump/01'",
        "a name of 1 to 64 letters",
    ),
    "a device with a wildcard": (device("'#': pump"), 8, AT_DEVICE + ".#", "'#'", "a name of 1 to 64 letters"),
    "a device that leaves its folder": (device("..: pump"), 8, AT_DEVICE + "...", "'..'", "a name of 1 to 64"),
    "a long device id": (
        device("p" * 65 + ": pump"),
        8,
        AT_DEVICE + "." + "p" * 65,
        f"'{'p' * 57}…'",
        "a name of 1 to 64 letters",
    ),
    "a device id with a line end": (device(r'"p\n": pump'), 8, AT_DEVICE + r".'p\n'", r"'p\n'", "a name of 1 to 64"),
    "a sensor named like the time": (
        GOOD.replace("pressure:", "timestamp: {unit: K}\n      pressure:"),
        4,
        "kinds.pump.sensors.timestamp",
        "'timestamp'",
        "neither timestamp nor device_id",
    ),
    "a sensor with a quote": (
        GOOD.replace("pressure:", "'p\"': {unit: K}\n      pressure:"),
        4,
        'kinds.pump.sensors.p"',
        "'p\"'",
        'without " and \\',
    ),
    "a marker that is no list": (
        GOOD.replace("pressure:", "flow: {unit: K, missing_values: -999}\n      pressure:"),
        4,
        "kinds.pump.sensors.flow.missing_values",
        "-999",
        "a list of at most 16 numbers",
    ),
    # the other settings
    "a scheme before the host": (GOOD + "broker: {host: 'mqtt://x'}", 9, "broker.host", "'mqtt://x'", "without scheme"),
    "a port as text": (
        GOOD + "broker: {port: '1883'}",
        9,
        "broker.port",
        "'1883'",
        "a whole number from 1 up to 65535",
    ),
    "an old MQTT": (GOOD + "broker: {protocol: 3.1}", 9, "broker.protocol", "3.1", "5 or 3.1.1"),
    "a client id with a space": (
        GOOD + "broker: {client_id: a b}",
        9,
        "broker.client_id",
        "'a b'",
        "a name of 1 to 64",
    ),
    "the secret instead of its name": (
        GOOD + "broker: {password_env: s3cret!}",
        9,
        "broker.password_env",
        "'s3cret!'",
        "the name of an environment variable",
    ),
    "TLS left empty": (GOOD + "broker: {tls: }", 9, "broker.tls", "nothing", "true, false or the certificate files"),
    "another clock": (GOOD + "clock: {source: sun}", 9, "clock.source", "'sun'", "wall or stream"),
    "another store": (
        GOOD + "store: {url: 'mysql://u:se@cr/et@h/db'}",
        9,
        "store.url",
        "'mysql://u:***@h/db'",
        "sqlite:///path/of/file.db or postgresql://user@host/database",
    ),
    "a store in memory": (
        GOOD + "store: {url: 'sqlite:///:memory:'}",
        9,
        "store.url",
        "'sqlite:///:memory:'",
        "sqlite",
    ),
    "a number as text": (GOOD + "plant: {name: 5}", 9, "plant.name", "5", "a text"),
    "a list of devices": (
        GOOD.replace("      pump-01: pump", "      - pump"),
        7,
        AT_DEVICE,
        "a list of 1 item",
        "a mapping",
    ),
    "a number as device": (
        device("pump-01: 3"),
        8,
        AT_DEVICE + ".pump-01",
        "3",
        "a mapping with keys out of description, manual, sensors",
    ),
    # setpoints
    "a setpoint without unit": (
        GOOD.replace("    sensors:", "    parameters: {speed: {limits: [1, 2]}}\n    sensors:"),
        3,
        "kinds.pump.parameters.speed.unit",
        "nothing",
        "the unit of this set-point",
    ),
    "a setpoint without end": (
        GOOD.replace("    sensors:", "    parameters: {speed: {unit: rpm, limits: {low: 1}}}\n    sensors:"),
        3,
        "kinds.pump.parameters.speed.limits",
        "low 1, high nothing",
        "a low bound and a higher high bound",
    ),
    "a step of a setpoint that no sensor shows": (
        GOOD.replace(
            "    sensors:", "    parameters: {speed: {unit: rpm, limits: [1, 2], max_change: 1}}\n    sensors:"
        ),
        3,
        "kinds.pump.parameters.speed.sensor",
        "nothing",
        "the sensor that shows it",
    ),
    "a step beyond what an hour allows": (
        GOOD.replace(
            "    sensors:",
            "    parameters: {speed: {unit: PSI, limits: [1, 9], sensor: pressure, max_change: 3, "
            "max_change_per_hour: 2}}\n    sensors:",
        ),
        3,
        "kinds.pump.parameters.speed.max_change_per_hour",
        "2",
        "at least 3 PSI, its max_change",
    ),
    "a step of nothing": (
        GOOD.replace(
            "    sensors:",
            "    parameters: {speed: {unit: PSI, limits: [1, 9], sensor: pressure, max_change: 0}}\n    sensors:",
        ),
        3,
        "kinds.pump.parameters.speed.max_change",
        "0",
        "a number above 0, in the unit of the set-point",
    ),
    "a step of the load that no command can take": (
        GOOD.replace("    sensors:", "    load: {sensor: pressure, max_change: 10}\n    sensors:"),
        3,
        "kinds.pump.load.max_change",
        "10",
        "per cent of full load, 20 to 100",
    ),
    "a step of a device's load beyond what an hour allows its kind": (
        GOOD.replace("    sensors:", "    load: {sensor: pressure, max_change_per_hour: 40}\n    sensors:").replace(
            "pump-01: pump", "pump-01: {kind: pump, load: {max_change: 50}}"
        ),
        9,
        "lines.line-1.devices.pump-01.load.max_change",
        "50",
        "at most 40 % of full load, its max_change_per_hour",
    ),
    "a device that must sign, and nobody has its key": (
        device("pump-01: {kind: pump, signed: true}"),
        None,
        "broker.readings_key_env",
        "nothing",
        "the environment variable with the key of signed readings, since pump-01 has signed: true",
    ),
    # not a plant file at all
    "a tag": (GOOD + "plant: {name: !!python/name:os.system x}", 9, "plant.name", "the tag", "a plain value"),
    "a list as key": (GOOD + "? [a]\n: b", 9, "", "a key that is itself a list or a mapping", "a word as key"),
    "an empty file": ("", 1, "", "nothing", "keys such as plant:, kinds: and lines:"),
    "nothing but comments": ("# later\n", 1, "", "nothing", "keys such as plant:"),
    "a sentence": ("it is a plant", 1, "", "'it is a plant'", "keys such as plant:"),
    "a list": ("- a\n- b", 1, "", "a list", "keys such as plant:"),
    "an open bracket": (GOOD + "broker: [1", 9, "", "'broker: [1'", "valid YAML (expected ',' or ']'"),
    "a tab": (GOOD + "broker:\n\thost: x", 10, "", "'host: x'", "indentation by spaces, not by a tab"),
    "two documents": (GOOD + "---\na: 1", 9, "", "'---'", "valid YAML"),
    "a control character": ("plant: {name: \x07}", 1, "", r"'plant: {name: \x07}'", "valid YAML"),
    "a binary file": (b"\x7fELF\x02\x01\n\xd0\x00", 2, "", "byte 0xd0", "text in UTF-8"),
    "too large a file": (GOOD + "#" * 10_000_000, None, "", "more than 8000000 bytes", "at most 8000000 bytes"),
    "too deep": ("[" * 10_000, None, "", "very deep nesting", "at most 20 levels"),
    "an anchor inside itself": (GOOD + "broker: &b {host: *b}", 9, "", "very deep nesting", "at most 20 levels"),
}


@pytest.mark.parametrize(("text", "line", "path", "value", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_says_where_what_and_what_was_expected(only_mistake, text, line, path, value, expected):
    mistake = only_mistake(text)
    assert mistake.path == path
    assert mistake.line == line
    assert mistake.value.startswith(value)
    assert expected in mistake.expected


def test_a_missing_file_is_a_mistake(tmp_path):
    (mistake,) = mistakes_of(tmp_path / "nowhere.yaml")
    assert mistake == Mistake(
        str(tmp_path / "nowhere.yaml"),
        "",
        "no such file or directory",
        "a YAML file such as config/plant.yaml that can be read",
    )


def test_a_folder_is_a_mistake(tmp_path):
    (mistake,) = mistakes_of(tmp_path)
    assert mistake.value == "is a directory"


def test_missing_certificates_are_mistakes(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(GOOD + "broker: {tls: {ca_file: ca.pem, cert_file: own.pem}}\n")
    ca, own, key = mistakes_of(path)
    assert (ca.path, ca.value) == ("broker.tls.ca_file", "'ca.pem'")
    assert ca.expected == f"a file that exists, relative to {tmp_path}"
    assert own.path == "broker.tls.cert_file"
    assert (key.path, key.expected) == ("broker.tls.key_file", "a file, since cert_file is given")


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(
        """\
broker: {port: 0, hots: x}
kinds:
  pump:
    sensors:
      pressure: {unit: bars, normal: [2, 1]}
      flow: {unit: l/min, detector: {window: 1, threshold: -1}}
lines:
  line-1:
    devices:
      pump-01: pump
      pump-02: pimp
      pump-02: pump
      pump-03: {kind: pump, sensors: {flow: {alarm: {low: 1, high: 0}}}}
store: {url: nowhere}
"""
    )
    found = [(mistake.line, mistake.path) for mistake in mistakes_of(path)]
    assert found == [
        (1, "broker.port"),
        (1, "broker.hots"),
        (5, "kinds.pump.sensors.pressure.unit"),
        (5, "kinds.pump.sensors.pressure.normal.low"),
        (6, "kinds.pump.sensors.flow.detector.window"),
        (6, "kinds.pump.sensors.flow.detector.threshold"),
        (11, "lines.line-1.devices.pump-02.kind"),
        (12, "lines.line-1.devices.pump-02"),
        (13, "lines.line-1.devices.pump-03.sensors.flow.alarm.low"),
        (14, "store.url"),
    ]


def test_a_mistake_in_a_kind_is_not_repeated_for_its_devices(only_mistake):
    text = sensor("{unit: PSI, normal: [35, 28]}").replace(
        "pump-01: pump", "pump-01: pump\n      pump-02: {kind: pump, sensors: {pressure: {stale_after: 5s}}}"
    )
    assert only_mistake(text).path == "kinds.pump.sensors.pressure.normal.low"


def test_a_kind_with_mistakes_is_still_known(only_mistake):
    assert only_mistake(GOOD.replace("    sensors:\n      pressure: {unit: PSI}", "    sensors: 5")).line == 3


def test_very_many_mistakes_are_counted_not_listed(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(GOOD + "".join(f"      pump-{n}: pimp\n" for n in range(1000)))
    found = mistakes_of(path)
    assert len(found) == MAX_SHOWN + 1
    assert found[-1].value == "800 more mistakes"


def test_anchors_that_unfold_to_billions_are_refused(only_mistake):
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    assert only_mistake("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + levels).value == "more than 1000000 values"


KEYS = sorted({word for part in json_schema()["$defs"].values() for word in part.get("properties", {})})
WORDS = st.sampled_from([*KEYS, *json_schema()["properties"], "pump", "line-1", "[key]", "°C", "5min", "a/{device_id}"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
)


def write_tree(path: Path, tree: dict[str, object]) -> None:
    path.write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False), encoding="utf-8")


def load_or_explain(path: Path) -> None:
    mistakes: tuple[Mistake, ...] = ()
    try:
        assert load(path, {}).plant.devices
    except ConfigError as error:
        mistakes = error.mistakes or pytest.fail("an error without a mistake")
    assert all(mistake.value and mistake.expected for mistake in mistakes)


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_are_worse_than_a_mistake(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    load_or_explain(path)


@given(text=st.text(alphabet="ab: \n-[]{},&*!|>'\"#%@?0.\t\\", max_size=60))
def test_no_punctuation_is_worse_than_a_mistake(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "marks.yaml"
    path.write_text(text)
    load_or_explain(path)


@given(tree=st.dictionaries(st.sampled_from(sorted(json_schema()["properties"])), TREES, max_size=4))
def test_no_yaml_is_worse_than_a_mistake(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree.yaml"
    write_tree(path, tree)
    load_or_explain(path)


DEFAULT = read(PLANT_FILE, Mistakes("plant.yaml")).data


def paths_in(tree: object, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = tree.items() if isinstance(tree, dict) else ()
    return [at, *(path for key, value in below for path in paths_in(value, (*at, key)))]


@given(changes=st.lists(st.tuples(st.sampled_from(paths_in(DEFAULT)[1:]), TREES), min_size=1, max_size=3))
def test_no_change_to_the_default_plant_is_worse_than_a_mistake(tmp_path_factory, changes):
    tree = copy.deepcopy(DEFAULT)
    for path, value in changes:
        part: Any = tree
        for key in path[:-1]:
            part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, dict):
            part[path[-1]] = value
    file = tmp_path_factory.getbasetemp() / "changed.yaml"
    write_tree(file, tree)
    load_or_explain(file)


@pytest.mark.parametrize("rule", [None, 3, "deny", {"name": "x"}, {"name": "x", "decision": "perhaps"}, [[]]])
def test_a_rule_that_is_none_is_named_with_its_place(tmp_path_factory, rule):
    data = copy.deepcopy(DEFAULT)
    data["policy"]["rules"] = [rule]
    file = tmp_path_factory.mktemp("rules") / "plant.yaml"
    file.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=r"policy\.rules"):
        load(file, {})


@pytest.mark.parametrize("name", ["system", "unknown", "Operator", " agent", "calls itself “ada”", "OPERATOR "])
def test_v1_a_rule_for_what_looks_like_a_kind_is_a_mistake(only_mistake, name: str) -> None:
    rule = f"{{name: r, decision: allow, callers: [{json.dumps(name)}]}}"
    found = only_mistake(f"{GOOD}policy:\n  rules:\n    - {rule}\n")
    assert found.path == "policy.rules.0.callers"
    assert "somebody who proves it by a token" in found.expected


@pytest.mark.parametrize("name", ["operator", "agent", "System", "UNKNOWN"])
def test_v1_nobody_is_called_like_a_kind(only_mistake, name: str) -> None:
    found = only_mistake(f"{GOOD}operators:\n  {name}:\n    token_sha256: '{'a' * 64}'\n")
    assert found.path == f"operators.{name}"
