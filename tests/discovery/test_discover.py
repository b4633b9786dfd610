"""From what a broker carries to a plant file: recognised, measured, drafted, and understood by the draft itself."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.cli.discover import DONE, NOTHING_FOUND, discover
from aegisflow.config import Configuration, load
from aegisflow.discovery.capture import read_capture
from aegisflow.discovery.document import new_file, try_out
from aegisflow.discovery.survey import BrokerSurvey
from aegisflow.domain.equipment import SensorKind
from aegisflow.errors import BadValueError, RecordingError

T = 1_773_480_000
ROUNDS = 240
Said = Callable[[int, float], Iterator[tuple[str, Any]]]
"""Round and noise to the messages of one system: topic, and payload as object or text."""


def zigbee(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    yield "zigbee2mqtt/Cold store 2", {"humidity": 48 + noise, "temperature": -18 + noise, "linkquality": 120}
    yield "zigbee2mqtt/plug-01", {"state": "ON" if i % 7 else "OFF", "power": 1_450 + noise}
    yield "zigbee2mqtt/bridge/state", {"state": "online"}


def nested(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    for name in ("M1", "M2", "M3"):
        process = {"temp": 71 + noise, "druck_bar": 3.1 + noise}
        yield f"hall3/{name}/data", {"ts": (T + 5 * i) * 1_000, "process": process, "seq": i, "running": bool(i % 3)}


def per_tag(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    for name in ("p1", "p2"):
        for tag in ("temp", "flow_m3_h"):
            yield f"site/line1/{name}/{tag}", f"{20 + noise:.2f}"


def historian(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    points = [
        {"name": "T1", "value": 71.5 + noise, "ts": (T + 5 * i) * 1_000, "q": 192},
        {"name": "Zähler kWh", "value": i, "ts": (T + 5 * i) * 1_000, "q": 192},
    ]
    yield "opc/export", {"machine": "P1", "points": points}


def shared_topic(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    for name in ("pump a", "pump b", "pump c"):
        yield "plant/telemetry", {"device": name, "time": T + 5 * i, "rpm": 1_450 + noise}


def telegraf(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    tags = {"cpu": "cpu-total", "host": "edge-7"}
    yield "telegraf/x", {"fields": {"usage_idle": 98 + noise}, "name": "cpu", "tags": tags, "timestamp": T + 5 * i}


def line_protocol(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    yield "influx/hall", f"mill,machine=mill-01 temperature={82 + noise:.3f},strokes={i}i {(T + 5 * i) * 10**9}"


def own(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    yield "aegisflow/sensors/pump-01", {"timestamp": f"2026-03-14T{i // 60:02d}:{i % 60:02d}:00Z", "temp": 70 + noise}


def words(i: int, noise: float) -> Iterator[tuple[str, Any]]:
    yield "cell/robot/mode", ("auto", "manual", "fault")[i % 3]
    yield "cell/robot/speed_pct", f"{50 + noise:.1f}"


SYSTEMS: dict[Said, dict[str, set[str]]] = {
    zigbee: {"Cold-store-2": {"humidity", "temperature"}, "plug-01": {"state", "power"}},
    nested: {name: {"temp", "druck_bar", "running"} for name in ("M1", "M2", "M3")},
    per_tag: {name: {"temp", "flow_m3_h"} for name in ("p1", "p2")},
    historian: {"P1": {"t1", "zähler_kwh"}},
    shared_topic: {name: {"rpm"} for name in ("pump-a", "pump-b", "pump-c")},
    telegraf: {"edge-7": {"cpu_cpu_total_usage_idle"}},
    line_protocol: {"mill-01": {"mill_temperature", "mill_strokes"}},
    own: {"pump-01": {"temp"}},
    words: {"robot": {"mode", "speed_pct"}},
}


def heard(*systems: Said) -> list[CapturedMessage]:
    noise = random.Random(7)
    return [
        CapturedMessage(topic, (said if isinstance(said, str) else json.dumps(said)).encode(), T + 5.0 * i)
        for i in range(ROUNDS)
        for system in systems
        for topic, said in system(i, noise.random())
    ]


def drafted(tmp_path: Path, messages: list[CapturedMessage]) -> tuple[str, Configuration]:
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    text = new_file(survey.draft(), name="Found", broker={"host": "localhost", "port": 1883}, seen="a test", at=T)
    (tmp_path / "plant.yaml").write_text(text)
    return text, load(tmp_path / "plant.yaml", {})


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.__name__)
def test_what_a_system_sends_becomes_its_devices_and_sensors_and_is_understood(tmp_path: Path, system: Said) -> None:
    messages = [one for one in heard(system) if "/bridge/" not in one.topic]
    text, found = drafted(tmp_path, messages)
    assert {name: set(spec.sensors) for name, spec in found.plant.devices.items()} == SYSTEMS[system]
    outcome = try_out(text, messages)
    assert (outcome.understood, outcome.messages, dict(outcome.refused)) == (len(messages), len(messages), {})


def test_all_of_them_at_once_are_told_apart(tmp_path: Path) -> None:
    messages = [one for one in heard(*SYSTEMS) if "/bridge/" not in one.topic]
    text, found = drafted(tmp_path, messages)
    wanted = {name: sensors for devices in SYSTEMS.values() for name, sensors in devices.items()}
    assert {name: set(spec.sensors) for name, spec in found.plant.devices.items()} == wanted
    assert try_out(text, messages).understood == len(messages)


def test_kinds_units_and_markers_are_found_and_what_is_uncertain_is_marked(tmp_path: Path) -> None:
    def machine(i: int, noise: float) -> Iterator[tuple[str, Any]]:
        yield (
            "works/press/data",
            {
                "oil_temp_c": -999 if i % 20 == 3 else 60 + noise,
                "energy_total": i * 0.5,
                "heading": (i * 7) % 360,
                "guard": i % 2,
                "force": f"{12 + noise:.2f}",
            },
        )

    text, found = drafted(tmp_path, heard(machine))
    sensors = found.plant.devices["press"].sensors
    assert sensors["oil_temp_c"].unit == "°C"
    assert set(sensors["oil_temp_c"].missing_values) == {-999.0}
    assert sensors["energy_total"].kind is SensorKind.COUNTER
    assert sensors["heading"].kind is SensorKind.CIRCULAR
    assert sensors["guard"].kind is SensorKind.STATE
    assert sensors["force"].numbers_in_text
    marked = {line.split(":")[0].strip() for line in text.splitlines() if "unit (?)" in line}
    assert marked == {"energy_total", "heading", "force"}


def test_what_changes_seldom_is_reported_by_exception(tmp_path: Path) -> None:
    def machine(i: int, noise: float) -> Iterator[tuple[str, Any]]:
        yield "works/press/data", {"temp": 60 + noise, **({"level": 3.5 + noise} if i % 10 == 0 else {})}

    text, found = drafted(tmp_path, heard(machine))
    assert found.plant.devices["press"].sensors["level"].by_exception
    assert not found.plant.devices["press"].sensors["temp"].by_exception
    assert "report (?)" in text


def test_a_new_sensor_of_a_known_device_and_broken_lines_are_told_with_an_update(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def newer(i: int, noise: float) -> Iterator[tuple[str, Any]]:
        for topic, said in nested(i, noise):
            yield topic, {**said, "process": {**said["process"], "flow": 3 + noise}}

    plant = tmp_path / "plant.yaml"
    assert discover(capture=captured(tmp_path / "before.txt", heard(nested)), out=plant) == DONE
    after = captured(tmp_path / "after.txt", heard(newer))
    after.write_text(after.read_text() + '{"topic": "a", "payl\n')
    capsys.readouterr()
    assert discover(capture=after, update=plant) == DONE
    told = capsys.readouterr()
    assert told.out == ""
    assert "hall3-data: process.flow comes from M1, M2, M3 and is no sensor" in told.err
    assert '1 lines are no messages (line 721: {"topic": "a", "payl' in told.err


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
LEVELS = st.text(st.characters(exclude_characters="+#/\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join) | st.sampled_from(
    ["zigbee2mqtt/a b", "tele/x/SENSOR", "s/events/rpc", "opcua/json/data/p/g", "senml/m", "aegisflow/sensors/a"]
)
PAYLOADS = st.one_of(
    JSONISH.map(lambda said: json.dumps(said).encode()),
    st.binary(max_size=30),
    st.sampled_from(
        [b"1.5", b"ON", b"true", b"m,host=a v=1 1773480000000000000", b'{"metrics":[]}', b'[{"n":"a","v":1}]']
    ),
)


@given(said=st.lists(st.tuples(TOPICS, PAYLOADS), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
def test_whatever_a_broker_carries_the_file_is_one_that_check_accepts(
    tmp_path: Path, said: list[tuple[str, bytes]]
) -> None:
    messages = [CapturedMessage(topic, payload, T + i) for i, (topic, payload) in enumerate(said * 2)]
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    draft = survey.draft()
    if draft.devices:
        text = new_file(draft, name="Found", broker={"host": "localhost", "port": 1883}, seen="a test", at=T)
        try_out(text, messages)


def captured(path: Path, messages: list[CapturedMessage]) -> Path:
    lines = [f"{one.at} {one.topic} {one.payload.decode()}\n" for one in messages]
    path.write_text("".join(lines))
    return path


def test_a_capture_becomes_a_file_and_later_a_diff_of_what_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = tmp_path / "plant.yaml"
    before = captured(tmp_path / "before.txt", heard(nested, zigbee))
    assert discover(capture=before, out=plant) == DONE
    told = capsys.readouterr().err
    assert "messages give" in told
    text = plant.read_text()
    with pytest.raises(BadValueError, match="does not exist yet"):
        discover(capture=before, out=plant)
    assert discover(capture=before, update=plant) == DONE
    assert capsys.readouterr().out == ""

    def newer(i: int, noise: float) -> Iterator[tuple[str, Any]]:
        yield "hall3/M4/data", {"ts": (T + 5 * i) * 1_000, "process": {"temp": 70 + noise, "druck_bar": 3.0}}
        yield "cellar/freezer-1/temp", f"{-18 - noise:.1f}"

    after = captured(tmp_path / "after.txt", heard(nested, zigbee, newer))
    assert discover(capture=after, update=plant) == DONE
    diff = capsys.readouterr().out
    assert plant.read_text() == text
    added = [line[1:].strip() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert "M4: hall3-data" in added
    assert 'topic: "cellar/{device}/{sensor}"' in added
    assert not [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    patched = tmp_path / "patched.yaml"
    kept = [line[1:] for line in diff.splitlines()[2:] if line[:1] in " +"]
    assert kept
    patched.write_text(apply(text, diff))
    assert {"M4", "freezer-1"} <= set(load(patched, {}).plant.devices)


def apply(text: str, diff: str) -> str:
    """Return a text with a unified diff that only adds lines."""
    lines, result, place = text.splitlines(keepends=True), [], 0
    for line in diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0][1:]) - 1
            result += lines[place:start]
            place = start
        elif line.startswith("+"):
            result.append(line[1:])
        else:
            result.append(lines[place])
            place += 1
    return "".join([*result, *lines[place:]])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a/b 21.5", ("a/b", b"21.5", 0.0)),
        ("1773480000 a/b 21.5", ("a/b", b"21.5", 1_773_480_000.0)),
        ("2026-03-14T10:20:00+0100 Cold store 2 {\"t\": 1}", ("Cold store 2", b'{"t": 1}', 1_773_480_000.0)),
        ('{"tst":"2026-03-14T09:20:00.000000Z+0000","topic":"a/b","payload":"x y"}', ("a/b", b"x y", 0.0)),
        ('{"tst":"2026-03-14T09:20:00+0000","topic":"a/b","payload":{"t":1}}', ("a/b", b'{"t": 1}', 1_773_480_000.0)),
        ('{"tst":1' + "0" * 400 + ',"topic":"a","payload":"1"}', ("a", b"1", 0.0)),
        ('{"tst":Infinity,"topic":"a","payload":"1"}', ("a", b"1", 0.0)),
        ("my topic/b on", ("my topic/b", b"on", 0.0)),
        ("influx/a m,host=h v=1 1773480000000000000", ("influx/a", b"m,host=h v=1 1773480000000000000", 0.0)),
    ],
)  # fmt: skip
def test_a_line_of_a_capture_is_a_message(tmp_path: Path, line: str, message: tuple[str, bytes, float]) -> None:
    (tmp_path / "c.txt").write_text(line + "\n")
    (found,) = read_capture(tmp_path / "c.txt")
    assert (found.topic, found.payload, found.at) == message


def test_the_file_reaches_the_broker_as_discover_did_and_holds_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT_PASSWORD", "never written")
    monkeypatch.chdir(tmp_path)
    Path("ca.crt").write_text("stands for a certificate")
    plant = tmp_path / "config" / "plant.yaml"
    capture = captured(tmp_path / "c", heard(zigbee))
    done = discover(
        broker="mqtt://b.example",
        capture=capture,
        out=plant,
        username="1e3: #\n",
        password_env="PLANT_PASSWORD",
        ca_file=Path("ca.crt"),
    )
    assert done == DONE
    broker = load(plant, {}).broker
    assert (broker.host, broker.port, broker.username) == ("b.example", 8883, "1e3: #\n")
    assert broker.password_env == "PLANT_PASSWORD"
    assert broker.tls is not None
    assert broker.tls.ca_file == tmp_path / "ca.crt"
    assert "never written" not in plant.read_text()


def test_a_broker_whose_certificate_the_system_knows_needs_no_file(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    capture = captured(tmp_path / "c", heard(zigbee))
    assert discover(broker="b.example", capture=capture, out=plant, tls=True) == DONE
    broker = load(plant, {}).broker
    assert broker.port == 8883
    assert broker.tls is not None
    assert broker.tls.ca_file is None


def test_a_capture_without_messages_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("\n\n")
    with pytest.raises(RecordingError, match="mosquitto_sub -v"):
        discover(capture=tmp_path / "c.txt", out=tmp_path / "plant.yaml")
    with pytest.raises(RecordingError, match="no such file"):
        discover(capture=tmp_path / "none.txt", out=tmp_path / "plant.yaml")
    assert not (tmp_path / "plant.yaml").exists()


def test_where_nothing_is_a_device_no_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.txt").write_text('a/b/cmd {"do": "it"}\n')
    assert discover(capture=tmp_path / "c.txt", out=tmp_path / "plant.yaml") == NOTHING_FOUND
    assert "no file is written" in capsys.readouterr().err
    assert not (tmp_path / "plant.yaml").exists()


@pytest.mark.parametrize(
    ("options", "what"),
    [({"broker": "h:0"}, "--broker"), ({"broker": ":"}, "--broker"), ({"duration": "soon"}, "--for"),
     ({"duration": "0s"}, "--for")],
)  # fmt: skip
def test_arguments_that_cannot_be_used_are_refused(tmp_path: Path, options: dict[str, Any], what: str) -> None:
    with pytest.raises(BadValueError, match=what):
        discover(out=tmp_path / "plant.yaml", **options)


def test_the_share_that_is_done_is_told_from_the_reading_to_the_draft_and_only_grows(tmp_path: Path) -> None:
    capture = captured(tmp_path / "c.txt", heard(nested, per_tag, zigbee))
    read: list[float] = []
    survey = BrokerSurvey()
    for message in read_capture(capture, progress=read.append):
        survey.add(message)
    looked_at: list[float] = []
    survey.draft(progress=looked_at.append)
    for told in (read, looked_at):
        assert len(told) > 4
        assert told == sorted(told)
        assert told[0] < 0.2
        assert 0.8 < told[-1] <= 1
