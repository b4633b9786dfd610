"""A source whose messages ``plant.yaml`` maps: per device, per sensor, or lists of points."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from aegisflow.bus import BusMessage
from aegisflow.bus.sources import Decoded, Route
from aegisflow.bus.sources.access import Getter, getter, records_getter
from aegisflow.bus.sources.formats import FORMATS
from aegisflow.bus.sources.instants import instant_reader
from aegisflow.bus.sources.lines import decode_lines
from aegisflow.bus.sources.parts import Parts
from aegisflow.bus.sources.plan import Plan
from aegisflow.bus.sources.rules import Grader, sample
from aegisflow.config.paths import parse_topic
from aegisflow.config.sources import KEY, SourcePoints, SourceSettings
from aegisflow.domain.equipment import DeviceSpec, SensorSpec
from aegisflow.domain.readings import Reading, RefusalReason, RefusedValue
from aegisflow.errors import PayloadError, printable

__all__ = ["MappedSource"]

_new = tuple.__new__
_NOTHING = Decoded(())
_EXPECTED = {
    "influx_line": ("bad_payload", "measurement,tag=value field=value"),
    "csv": ("bad_payload", "a field for each of its names"),
}
"""Format to the reason why a record is refused that is no object, and to what it should be."""


class MappedSource:
    """Reads messages as one entry of ``sources`` says.

    Args:
        name: of the source.
        settings: of it, with its preset's.
        devices: the devices of the plant, by id.
        max_payload_bytes: larger payloads are refused.
    """

    def __init__(
        self, name: str, settings: SourceSettings, devices: Mapping[str, DeviceSpec], max_payload_bytes: int
    ) -> None:
        self.name = name
        self._settings = settings
        self._devices = devices
        self._max_payload_bytes = max_payload_bytes
        self._topics = [parse_topic(text) for text in settings.topic]
        # Lines come one after the other, each a record of its own.
        is_lines = settings.format == "csv"
        self._parse = partial(_lines, names=settings.fields) if is_lines else FORMATS[settings.format]
        self._only = [(getter([path]), wanted) for path, wanted in settings.only.items()]
        each = settings.each or ((".",) if is_lines else ())
        self._each = records_getter(each) if each else None
        self._device = getter(settings.device.path) if settings.device.path else None
        self._by_key = KEY in settings.device.path
        self._time = getter(settings.time.path) if settings.time.path else None
        self._instant = instant_reader(settings.time)
        self._grader = Grader(settings.quality)
        self._quality = getter(settings.quality.path) if settings.quality.path else None
        self._single = any(topic.has_sensor for topic in self._topics)
        self._value = getter(settings.value or (".",))
        self._points = None if settings.points is None else _Points(settings.points)
        self._plans: dict[int, Plan] = {}
        self._simple = not (self._only or self._each or self._quality or self._points or self._single)
        """Whether a message is one record of one device, as most are."""

    def filters(self) -> tuple[str, ...]:
        """Return the MQTT topic filters of its messages."""
        return tuple(dict.fromkeys(topic.filter for topic in self._topics))

    def route(self, topic: str) -> Route | None:
        """Return where the messages on a topic go; None for a topic of somebody else."""
        for pattern in self._topics:
            found = pattern.match(topic)
            if found is not None:
                device, sensor = found
                named = self._settings.device.id or (self._ours(device) if device else "")
                return Route(self, device, sensor, named if named in self._devices else None)
        return None

    def decode(self, route: Route, message: BusMessage, received_at: float) -> Decoded:
        """Return what a message says; see ``MessageSource``."""
        _, payload, retain, receipt = message
        if retain and not self._settings.retained:
            raise PayloadError("retained", "old news; retained: true in its source takes it")
        if len(payload) > self._max_payload_bytes:
            raise PayloadError("payload_too_large", f"expected at most {self._max_payload_bytes} bytes")
        said = self._parse(payload, received_at)
        device_id = route.device_id
        if self._simple and device_id is not None and said.__class__ is dict:
            values: dict[str, float] = {}
            refused: list[RefusedValue] = []
            # Before the time is read, since a message without any sensor may have none.
            self._plan(device_id).read(said, values, refused)
            if not values and not refused:
                return self._without_sensor(device_id)
            at = self._at(said, received_at)
            reading: Reading = _new(Reading, (device_id, at, values, received_at, receipt, tuple(refused), None, False))
            return Decoded((reading,))
        return self._records(route, message, said, received_at)

    # --- records ----------------------------------------------------------------------------------

    def _records(self, route: Route, message: BusMessage, said: Any, received_at: float) -> Decoded:
        parts = Parts(received_at, message.receipt)
        problems: list[PayloadError] = []
        if any(look(said) not in wanted for look, wanted in self._only):
            return _NOTHING
        listed = self._each(said) if self._each is not None else None
        if listed is not None and not listed and not self._settings.partial:
            raise PayloadError("no_known_sensor", f"no record at {' or '.join(self._settings.each) or '.'}")
        for record, key in [(said, None)] if listed is None else listed:
            try:
                self._record(self._keyed(route, key), record, said, parts)
            except PayloadError as problem:
                problems.append(problem)
        readings = parts.readings()
        if not readings and problems:
            raise problems[0]
        return Decoded(readings, tuple(problems))

    def _keyed(self, route: Route, key: str | None) -> Route:
        """Return the route of a record that stands under a key which names its device."""
        if key is None or not self._by_key:
            return route
        ours = self._ours(key)
        return route._replace(device=key, device_id=ours if ours in self._devices else None)

    def _record(self, route: Route, record: Any, message: Any, parts: Parts) -> None:
        if self._single:
            self._take_single(route, record, message, parts)
            return
        if not isinstance(record, dict | list):
            reason, expected = _EXPECTED.get(self._settings.format, ("not_json", "an object"))
            raise PayloadError(reason, f"found {printable(repr(record), 60)}, expected {expected}")
        if self._points is not None:
            self._take_points(route, record, message, parts)
            return
        device_id = self._device_of(route, record, message)
        values: dict[str, float] = {}
        refused: list[RefusedValue] = []
        self._plan(device_id).read(record, values, refused)
        if not values and not refused:
            self._without_sensor(device_id)
            return
        if self._quality is not None and not self._grader.is_good(self._quality(record)):
            refused += [RefusedValue(name, RefusalReason.BAD_QUALITY, f"{v:.15g}") for name, v in values.items()]
            values = {}
        parts.put(device_id, self._at(record, parts.received_at, message), values, refused)

    def _take_single(self, route: Route, record: Any, message: Any, parts: Parts) -> None:
        """Take a record that is the value of the sensor that its topic names."""
        device_id = self._device_of(route, record, message)
        rule = self._plan(device_id).by_name.get(route.sensor)
        said = self._value(record)
        if rule is None or said is None:
            if rule is None:
                self._without_sensor(device_id)
            return
        good = self._quality is None or self._grader.is_good(self._quality(record))
        values: dict[str, float] = {}
        refused: list[RefusedValue] = []
        rule.take(said, values, refused, good)
        parts.put(device_id, self._at(record, parts.received_at, message), values, refused)

    def _take_points(self, route: Route, record: Any, message: Any, parts: Parts) -> None:
        points = self._points
        assert points is not None
        for around in points.of(record, message):
            said = points.value(around[0])
            if said is None:
                continue
            theirs = points.find(points.device, around[:-1])
            device_id = self._device_of(route, record, message) if theirs is None else self._known(str(theirs))
            rule = self._plan(device_id).by_name.get(points.named(around))
            if rule is None:
                continue
            values: dict[str, float] = {}
            refused: list[RefusedValue] = []
            good = self._grader.is_good(points.find(points.quality or self._quality, around[:-1]))
            unit = points.find(points.unit, around[:-1])
            rule.take(said, values, refused, good, unit)
            at = parts.received_at
            try:
                when = points.find(points.time, around[:-1])
                at = self._at(record, at, message) if when is None else self._instant(when)
            except PayloadError:
                refused, values = [RefusedValue(rule.spec.name, RefusalReason.BAD_TIMESTAMP, sample(said))], {}
            parts.put(device_id, at, values, refused)
        if not parts.any and not self._settings.partial:
            raise PayloadError("no_known_sensor", "no point in it is a sensor of its device")

    # --- who, when, what --------------------------------------------------------------------------

    def _ours(self, theirs: str) -> str:
        return self._settings.devices.get(theirs, theirs)

    def _known(self, theirs: str) -> str:
        device_id = self._ours(theirs)
        if device_id not in self._devices:
            raise PayloadError("unknown_device", f"{theirs[:60]!r} is no device of the plant")
        return device_id

    def _device_of(self, route: Route, record: Any, message: Any) -> str:
        if route.device_id is not None:
            return route.device_id
        theirs = route.device
        if self._device is not None and not (self._by_key and theirs):
            said = self._device(record)
            said = self._device(message) if said is None else said
            if said is None or isinstance(said, dict | list):
                where = " or ".join(self._settings.device.path)
                raise PayloadError("unknown_device", f"nothing at {where}, expected the name of a device")
            theirs = str(said)
        return self._known(theirs)

    def _at(self, record: Any, received_at: float, message: Any = None) -> float:
        if self._time is None:
            return received_at
        said = self._time(record)
        if said is None and message is not None:
            said = self._time(message)
        if said is None:
            if self._settings.time.optional:
                return received_at
            where = " or ".join(self._settings.time.path)
            raise PayloadError("bad_timestamp", f"nothing at {where}, expected {self._settings.time.format}")
        return self._instant(said)

    def _without_sensor(self, device_id: str) -> Decoded:
        if self._settings.partial:
            return _NOTHING
        expected = ", ".join(self._plan(device_id).sensors)
        raise PayloadError("no_known_sensor", f"expected a value for at least one of {expected}")

    def _plan(self, device_id: str) -> Plan:
        sensors: Mapping[str, SensorSpec] = self._devices[device_id].sensors
        plan = self._plans.get(id(sensors))
        if plan is None:
            plan = self._plans[id(sensors)] = Plan(self._settings, sensors, self._grader)
        return plan


def _lines(payload: bytes, _received_at: float, names: Sequence[str]) -> Any:
    return decode_lines(payload, names)


class _Points:
    """Finds the points of a record; what a point lacks is looked for around it."""

    def __init__(self, settings: SourcePoints) -> None:
        self._path = getter(settings.path)
        self._where = " or ".join(settings.path)
        self.value = getter(settings.value)
        self.time, self.quality, self.device, self.unit = (
            getter(paths) if paths else None
            for paths in (settings.time, settings.quality, settings.device, settings.unit)
        )
        self._own_name = [] if KEY in settings.name else [getter([path]) for path in settings.name]
        self._name: list[Callable[[tuple[Any, ...]], Any]] = [
            (lambda around: around[-1]) if path == KEY else self._looking(getter([path])) for path in settings.name
        ]

    def of(self, record: Any, message: Any) -> Iterator[tuple[Any, ...]]:
        """Yield each point with its record, the message and last its key.

        Raises:
            PayloadError: there are none.
        """
        found = self._path(record)
        if isinstance(found, dict) and any(isinstance(look(found), str | int) for look in self._own_name):
            yield found, record, message, None
        elif isinstance(found, dict):
            for key, point in found.items():
                yield point, record, message, key
        elif isinstance(found, list):
            for point in found:
                yield point, record, message, None
        else:
            raise PayloadError("no_known_sensor", f"no points at {self._where}")

    def named(self, around: tuple[Any, ...]) -> str:
        """Return the sender's name of a point; empty where it has none."""
        if not self._name:
            key, point = around[-1], around[0]
            return str(key if key is not None else point.get("name", "") if isinstance(point, dict) else "")
        parts = (part(around) for part in self._name)
        return ".".join(str(part) for part in parts if part is not None and not isinstance(part, dict | list))

    def find(self, look: Getter | None, around: tuple[Any, ...]) -> Any:
        """Return what is found first: in the point, in its record, in the message."""
        if look is not None:
            for place in around:
                found = look(place)
                if found is not None:
                    return found
        return None

    def _looking(self, look: Getter) -> Callable[[tuple[Any, ...]], Any]:
        return lambda around: self.find(look, around[:-1])
