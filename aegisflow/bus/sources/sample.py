"""What becomes of one message, step by step and in words: for ``aegisflow check --sample``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aegisflow.bus.binary import binary_kind
from aegisflow.bus.codec import REASONS
from aegisflow.bus.sources import Route
from aegisflow.bus.sources.capture import CapturedMessage, captured_message
from aegisflow.bus.sources.formats import decode_json
from aegisflow.bus.sources.lines import looks_like_lines
from aegisflow.bus.sources.places import is_at_home, places
from aegisflow.bus.sources.recognise import recognise
from aegisflow.bus.sources.trial import Trial
from aegisflow.config import Configuration
from aegisflow.config.paths import join_path
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import format_instant
from aegisflow.errors import PayloadError, printable

__all__ = ["Sampler", "captured", "unused_numbers"]

MAX_CAPTURE = 50_000_000


class Sampler:
    """Says of one message after the other what the gateway would do with it."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._trial = Trial(configuration)

    def explain(self, sample: CapturedMessage, received_at: float) -> tuple[list[str], bool]:
        """Return the steps, and whether all of the message was taken or is none of ours.

        Args:
            sample: the message.
            received_at: UTC epoch seconds at which it is taken as received.
        """
        route = self._trial.route(sample.topic)
        if route is None and self._trial.own_device(sample.topic) is None:
            return self._nobodys(sample), False
        steps = self._taken_by(route)
        try:
            decoded = self._trial.decode(sample, received_at)
        except PayloadError as error:
            hint = _hint(sample.payload) if error.reason == "not_json" else []
            return [*steps, *_refusal(error), *hint], False
        for reading in decoded.readings:
            steps += self._reading_steps(reading, received_at)
        for reading in decoded.historical:
            steps.append(f"history  {reading.device_id} at {format_instant(reading.at)}: stored, and not judged")
        steps += [f"death    {death.device_id} is silent at once: {death.why}" for death in decoded.deaths]
        steps += [f"answer   published on {topic}" for topic, _ in decoded.answers]
        for problem in decoded.problems:
            steps += _refusal(problem)
        if not (decoded.readings or decoded.historical or decoded.deaths or decoded.problems):
            steps.append("result   passed over: nothing in it is a value of a sensor of the plant")
        if route is not None:
            steps += self._unused(self._configuration.sources[route.source.name], sample)
        refused = bool(decoded.problems) or any(reading.refused for reading in decoded.readings)
        return steps, not refused

    def _taken_by(self, route: Route | None) -> list[str]:
        if route is None:
            return [f"topic    broker.topics.sensors, {self._configuration.broker.topics.sensors}"]
        source, theirs, ours = route.source.name, route.device, route.device_id
        settings = self._configuration.sources[source]
        preset = f" (preset {settings.preset})" if settings.preset else ""
        steps = [f"topic    sources.{source}{preset}, format {settings.format}"]
        if ours is not None:
            steps.append(f"device   {theirs!r} is {ours}" if theirs and theirs != ours else f"device   {ours}")
        elif theirs:
            steps.append(f"device   {theirs!r} is no device of the plant; say under devices: {{{theirs!r}: …}}")
        return steps

    def _nobodys(self, sample: CapturedMessage) -> list[str]:
        steps = ["topic    no source takes it, and broker.topics.sensors does not fit either"]
        found = recognise(sample.topic, sample.payload)
        if found is not None:
            steps.append(f"hint     it looks like {found.preset} ({found.why}); write")
            is_home = is_at_home(found.preset, sample.topic)
            where = "" if is_home else f', topic: "{places(found.preset, [sample.topic])[0]}"'
            steps.append(f"         sources: {{them: {{preset: {found.preset}{where}}}}}")
        return [*steps, *_hint(sample.payload)] if found is None else steps

    def _reading_steps(self, reading: Reading, received_at: float) -> Iterator[str]:
        sensors = self._configuration.plant.devices[reading.device_id].sensors
        when = "its receipt" if reading.at == received_at else "by its stamp"
        yield f"reading  {reading.device_id} at {format_instant(reading.at)}, {when}"
        for name, value in reading.values.items():
            yield f"         {name} = {value:.15g} {sensors[name].unit}"
        for name, reason, said in reading.refused:
            yield f"         {name} REFUSED, {reason.value}: found {said!r}"
        missing = [name for name in sensors if name not in reading.values]
        missing = [name for name in missing if name not in {one.sensor for one in reading.refused}]
        if missing:
            yield f"         not in it: {', '.join(missing)}"

    def _unused(self, source: SourceSettings, sample: CapturedMessage) -> list[str]:
        found = [*unused_numbers(self._configuration, source, sample)]
        return [f"unused   {', '.join(found[:12])}: numbers where nobody looks"] if found else []


def unused_numbers(configuration: Configuration, source: SourceSettings, sample: CapturedMessage) -> dict[str, float]:
    """Return the numbers of a message at whose paths its source never looks.

    Points are known by name, not by place.
    """
    if source.points is not None or source.format != "json" or any("{sensor}" in one for one in source.topic):
        return {}
    try:
        said = decode_json(sample.payload)
    except PayloadError:
        return {}
    listed = [sensor.path for sensor in source.sensors.values() if sensor is not None]
    names = {name for device in configuration.plant.devices.values() for name in device.sensors}
    used = (*(path for paths in (*listed, source.time.path) for path in paths), *names)
    return {
        path: number
        for path, number in _numbers(said, "")
        if not any(path == one or path.endswith((f".{one}", f"].{one}")) for one in used)
    }


def _hint(payload: bytes) -> list[str]:
    """Return what a payload seems to be that is neither JSON nor a value."""
    try:
        decode_json(payload)
    except PayloadError as error:
        if error.reason == "binary":
            return [f"hint     it is no text, but {binary_kind(payload)}: have its sender write JSON"]
        if looks_like_lines(payload):
            return ["hint     it looks like lines of fields: format: csv takes them, fields: names them"]
    return []


def _refusal(error: PayloadError) -> list[str]:
    return [f"REFUSED  {error.reason}: {REASONS.get(error.reason, '')}", f"         {error.detail}"]


def _numbers(said: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _numbers(value, join_path(path, key))
    elif isinstance(said, list):
        for place, value in enumerate(said[:100]):
            yield from _numbers(value, join_path(path, place))
    elif isinstance(said, int | float) and not isinstance(said, bool):
        try:
            yield printable(path or ".", 80), float(said)
        except OverflowError:
            return


def captured(path: Path, at: float) -> Iterator[CapturedMessage | str]:
    """Yield the messages of a file of ``mosquitto_sub -v`` lines, or of JSON lines with topic and payload.

    In place of a line that is neither, what was expected of it.

    Args:
        path: the file.
        at: UTC epoch seconds at which messages came whose lines say no time.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file.read(MAX_CAPTURE).splitlines(), 1):
            line = raw.strip()
            message = captured_message(line, at)
            if message is not None:
                yield message
            elif line:
                is_json = line.startswith(b"{")
                expected = "a JSON object with topic and payload" if is_json else "a topic, a space and a payload"
                yield f"line {number}: expected {expected}"
