"""Messages that cannot be used, against the whole application: each is counted and kept, and harms nobody."""

import gc
import hashlib
import json
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aegisflow.domain.times import format_instant
from tests.support.app_inside import Inside, inside, ordinary

T0 = 1_760_000_000.0
TOPIC = "aegisflow/sensors/pump-01"
KEPT = 1_024
"""Bytes of a refused payload that are kept."""


@dataclass
class Pair:
    """An application that gets bad messages, and a twin that gets the good ones only."""

    poisoned: Inside
    twin: Inside
    good: int = 0
    bad: int = 0

    @property
    def now(self) -> float:
        """Timestamp of the newest good reading."""
        return T0 + 5.0 * (self.good - 1)

    def feed(self, count: int) -> None:
        """Give both the same ordinary readings."""
        for _ in range(count):
            values = ordinary(self.good)
            self.good += 1
            self.poisoned.feed("pump-01", self.now, values)
            self.twin.feed("pump-01", self.now, values)
        self.settle()

    def poison(self, payload: bytes, topic: str = TOPIC, *, retain: bool = False) -> None:
        """Give one of them a message."""
        assert self.poisoned.bus.deliver(topic, payload, retain=retain)
        self.bad += 1
        self.settle()

    def settle(self) -> None:
        self.poisoned.settle(self.good + self.bad)
        self.twin.settle(self.good)

    def counts(self) -> dict[str, int]:
        """Return how many messages were refused, by reason."""
        return dict(self.poisoned.plant.health().rejected)

    def check_twins(self) -> None:
        """Both must know the same of the device, to the last bit."""
        assert self.poisoned.windows("pump-01") == self.twin.windows("pump-01")
        poisoned, twin = (one.plant.device_status("pump-01").value for one in (self.poisoned, self.twin))
        for fact in ("latest_at", "mode", "silent", "alarms", "notes"):
            assert getattr(poisoned, fact) == getattr(twin, fact)
        assert [(one.quality, one.z) for one in poisoned.sensors] == [(one.quality, one.z) for one in twin.sensors]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with inside(folder / "poisoned") as poisoned, inside(folder / "twin") as twin:
        built = Pair(poisoned, twin)
        built.feed(80)
        yield built


def reading(pair: Pair, **more: object) -> bytes:
    """Return a payload that would be good but for ``more``; NaN and Infinity are written as JavaScript does."""
    content = {"timestamp": format_instant(pair.now + 5.0), "device_id": "pump-01", **ordinary(pair.good), **more}
    return json.dumps({key: value for key, value in content.items() if value != "absent"}).encode()


def nested(pair: Pair, depth: int) -> bytes:
    return reading(pair)[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"


def raw_number(pair: Pair, text: str) -> bytes:
    return reading(pair, temperature="here").replace(b'"here"', text.encode())


BAD = {
    "nothing": (lambda pair: b"", "not_json"),
    "not JSON": (lambda pair: b"temperature=75", "not_json"),
    "half of it": (lambda pair: reading(pair)[:-20], "not_json"),
    "two objects": (lambda pair: reading(pair) * 2, "not_json"),
    "not UTF-8": (lambda pair: b'{"timestamp": "\xff\xfe"}', "not_json"),
    "a list": (lambda pair: b"[" + reading(pair) + b"]", "not_json"),
    "null": (lambda pair: b"null", "not_json"),
    "nested 10,000 deep": (lambda pair: nested(pair, 10_000), "not_json"),
    "nothing but 10,000 brackets": (lambda pair: b"[" * 10_000, "not_json"),
    "a number for a name": (lambda pair: reading(pair, device_id=7), "wrong_type"),
    "no sensor": (lambda pair: reading(pair, **dict.fromkeys(ordinary(0), "absent")), "no_known_sensor"),
    "only null": (lambda pair: reading(pair, **dict.fromkeys(ordinary(0), None)), "no_known_sensor"),
    "no timestamp": (lambda pair: reading(pair, timestamp="absent"), "bad_timestamp"),
    "a number for a timestamp": (lambda pair: reading(pair, timestamp=T0), "bad_timestamp"),
    "no such day": (lambda pair: reading(pair, timestamp="2026-02-30T00:00:00Z"), "bad_timestamp"),
    "words for a timestamp": (lambda pair: reading(pair, timestamp="yesterday"), "bad_timestamp"),
    "the year 9999": (lambda pair: reading(pair, timestamp="9999-12-31T23:59:59Z"), "too_new"),
    "a little too new": (lambda pair: reading(pair, timestamp=format_instant(pair.now + 61.0)), "too_new"),
    "the year 1": (lambda pair: reading(pair, timestamp="0001-01-01T00:00:00Z"), "too_old"),
    "a little too old": (lambda pair: reading(pair, timestamp=format_instant(pair.now - 86_401.0)), "too_old"),
    "another device's name": (lambda pair: reading(pair, device_id="pump-02"), "device_mismatch"),
    "an invented name": (lambda pair: reading(pair, device_id="x" * 10_000), "device_mismatch"),
    "64 KiB": (lambda pair: reading(pair).ljust(65_536), "payload_too_large"),
    "8 MiB": (lambda pair: b'{"a": "' + b"x" * 2**23 + b'"}', "payload_too_large"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_counted_and_kept_and_the_device_is_as_if_it_never_came(pair: Pair, name: str) -> None:
    make, reason = BAD[name]
    payload = make(pair)
    before, letters = pair.counts(), pair.poisoned.query("SELECT count(*) FROM dead_letters")[0][0]
    refused = pair.poisoned.plant.device_status("pump-01").value.refused
    pair.poison(payload)
    assert pair.counts() == before | {reason: before.get(reason, 0) + 1}
    assert pair.poisoned.plant.device_status("pump-01").value.refused == {**refused, reason: refused.get(reason, 0) + 1}
    assert pair.poisoned.query("SELECT count(*) FROM dead_letters") == [(letters + 1,)]
    newest = "SELECT topic, device_id, reason, payload, size, sha256 FROM dead_letters ORDER BY id DESC LIMIT 1"
    assert pair.poisoned.query(newest) == [
        (TOPIC, "pump-01", reason, payload[:KEPT], len(payload), hashlib.sha256(payload).hexdigest())
    ]
    pair.check_twins()
    pair.feed(1)
    pair.check_twins()


BAD_VALUES = {
    "text": ("temperature", b'"75"', "wrong_type"),
    "a boolean": ("temperature", b"true", "wrong_type"),
    "a list": ("temperature", b"[75.0]", "wrong_type"),
    "an object": ("temperature", b'{"value": 75.0}', "wrong_type"),
    "NaN": ("temperature", b"NaN", "not_a_number"),
    "Infinity": ("vibration", b"Infinity", "not_a_number"),
    "-Infinity": ("power_consumption", b"-Infinity", "not_a_number"),
    "1e999": ("temperature", b"1e999", "not_a_number"),
    "400 digits": ("temperature", b"9" * 400, "not_a_number"),
    "1e308": ("temperature", b"1e308", "out_of_span"),
    "1e308 without a span in the file": ("power_consumption", b"1e308", "out_of_span"),
    "300 digits without a span in the file": ("power_consumption", b"9" * 300, "out_of_span"),
    "outside of the instrument's span": ("temperature", b"1000.5", "out_of_span"),
}


def refused_of(one: Inside, sensor: str) -> dict[str, int]:
    sensors = one.plant.device_status("pump-01").value.sensors
    return dict(next(status.refused for status in sensors if status.spec.name == sensor))


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_bad_value_is_counted_with_its_sensor_and_the_device_is_as_if_it_never_came(pair: Pair, name: str) -> None:
    sensor, text, reason = BAD_VALUES[name]
    absent = {one: "absent" for one in ordinary(0) if one != sensor}
    payload = reading(pair, **absent, **{sensor: "here"}).replace(b'"here"', text)
    before, windows = refused_of(pair.poisoned, sensor), pair.poisoned.windows("pump-01")
    pair.poison(payload)
    assert refused_of(pair.poisoned, sensor) == before | {reason: before.get(reason, 0) + 1}
    status = pair.poisoned.plant.device_status("pump-01").value
    assert {one.spec.name: one.quality.value for one in status.sensors}[sensor] == "bad"
    assert pair.poisoned.windows("pump-01") == windows
    pair.feed(1)
    pair.check_twins()


def test_64_kib_less_a_byte_is_not_too_large(pair: Pair) -> None:
    before = pair.counts()
    payload = reading(pair).ljust(65_535)
    pair.good += 1
    for one in (pair.poisoned, pair.twin):
        one.bus.deliver(TOPIC, payload)
    pair.settle()
    assert pair.counts() == before
    assert pair.poisoned.plant.device_status("pump-01").value.latest_at == pair.now
    pair.check_twins()


def test_a_retained_reading_is_refused_however_good(pair: Pair) -> None:
    before = pair.counts().get("retained", 0)
    pair.poison(reading(pair), retain=True)
    assert pair.counts()["retained"] == before + 1
    pair.check_twins()


def test_a_repetition_is_counted_and_moves_nothing(pair: Pair) -> None:
    refused = pair.poisoned.plant.device_status("pump-01").value.refused
    windows, stored = pair.poisoned.windows("pump-01"), readings_of(pair.poisoned)
    again = ordinary(pair.good - 1)
    for _ in range(2):
        pair.poisoned.feed("pump-01", pair.now, again)
    pair.bad += 2
    pair.settle()
    status = pair.poisoned.plant.device_status("pump-01").value
    assert status.refused == {**refused, "duplicate": refused.get("duplicate", 0) + 2}
    assert status.latest_at == pair.now
    assert pair.poisoned.windows("pump-01") == windows
    assert readings_of(pair.poisoned) == stored
    pair.check_twins()


def test_a_flood_of_unknown_names_is_counted_and_nothing_grows(pair: Pair) -> None:
    flood(pair, "first", 300)  # what grows once
    gc.collect()
    tracemalloc.start()
    try:
        flood(pair, "second", 200)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        flood(pair, "third", 4_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # The fake bus itself keeps a receipt of each; the names alone would be more than all of this.
    assert grown < 4_000 * 200, f"{grown} bytes for 4,000 names of 400"
    assert pair.counts()["unknown_device"] == 4_500
    assert set(pair.poisoned.plant.inventory().devices) == {"pump-01", "pump-02"}
    assert pair.poisoned.query("SELECT count(*) FROM devices") == [(1,)]
    assert pair.poisoned.query("SELECT count(*) FROM dead_letters WHERE reason = 'unknown_device'")[0][0] <= 1_000
    page = pair.poisoned.app.metrics.render().decode()
    assert 'aegisflow_rejected_total{reason="unknown_device"} 4500.0' in page
    assert "third" not in page
    pair.check_twins()
    pair.feed(1)
    pair.check_twins()


def flood(pair: Pair, word: str, count: int) -> None:
    for number in range(count):
        pair.poisoned.bus.deliver(f"aegisflow/sensors/{word}-{number}-{'x' * 390}", b"{}")
    pair.bad += count
    pair.settle()


def readings_of(one: Inside) -> int:
    sql = "SELECT count(*) FROM (SELECT device, at FROM readings UNION SELECT device, at FROM fresh_readings) AS r"
    return int(one.query(sql)[0][0])


def test_on_the_wall_clock_no_stamp_keeps_a_reading_from_being_judged(tmp_path: Path) -> None:
    with inside(tmp_path, clock="wall") as one:
        now = time.time()
        for number, behind_s in enumerate((86_500.0, 86_300.0, 0.0, -50.0, -31_536_000.0)):
            one.feed("pump-01", now - behind_s, ordinary(number))
        one.settle(5)
        status = one.plant.device_status("pump-01").value
        assert (status.accepted, status.refused) == (5, {})
        assert status.sensors[0].count == 5
        assert status.latest_at == pytest.approx(now, abs=30.0), "no reading is of the future"


def test_a_sensor_that_is_missing_turns_stale_and_the_others_go_on(tmp_path: Path) -> None:
    with inside(tmp_path) as one:
        for number in range(30):
            values = ordinary(number)
            if number >= 20:
                values.pop("vibration")
            one.feed("pump-01", T0 + 5 * number, values)
        one.settle(30)
        by_name = {sensor.spec.name: sensor for sensor in one.plant.device_status("pump-01").value.sensors}
        assert (by_name["vibration"].quality, by_name["vibration"].reason) == ("uncertain", "stale")
        assert by_name["vibration"].at == T0 + 5 * 19
        assert by_name["vibration"].count == 20
        assert {sensor.quality for name, sensor in by_name.items() if name != "vibration"} == {"good"}
        assert {sensor.count for name, sensor in by_name.items() if name != "vibration"} == {30}
        answer = one.call("get_device_status")
        assert {line["device_id"]: line.get("stale_sensors") for line in answer["devices"]}["pump-01"] == ["vibration"]
        one.feed("pump-01", T0 + 150, ordinary(30))
        one.settle(31)
        by_name = {sensor.spec.name: sensor for sensor in one.plant.device_status("pump-01").value.sensors}
        assert by_name["vibration"].quality == "good"
        assert by_name["vibration"].count == 21
