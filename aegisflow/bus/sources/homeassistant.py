"""Home Assistant's MQTT discovery: machines say by themselves what their messages mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aegisflow.bus import BusMessage
from aegisflow.bus.sources import Decoded, Route
from aegisflow.bus.sources.access import Getter, getter
from aegisflow.bus.sources.formats import FORMATS, decode_json, is_number
from aegisflow.bus.sources.parts import Parts
from aegisflow.bus.sources.plan import Plan
from aegisflow.bus.sources.rules import Grader
from aegisflow.config.paths import parse_path, parse_topic
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import RefusedValue
from aegisflow.errors import PayloadError

__all__ = ["Entity", "HomeAssistantSource", "State", "announced"]

_CONFIG, _STATE = "config", "state"
_MAX_ENTITIES = 100_000
_TEMPLATE = re.compile(
    r"\{\{-? *value(?P<json>_json)?(?P<path>(?:\.\w+|\[(?:\d+|'[^']*'|\"[^\"]*\")\])*) *"
    r"(?:\| *(?:float|int|round|is_defined)(?:\([^()]*\))? *)*-?\}\}"
)
_SHORT = {
    "state_topic": "stat_t",
    "value_template": "val_tpl",
    "unit_of_measurement": "unit_of_meas",
    "device_class": "dev_cla",
    "unique_id": "uniq_id",
    "object_id": "obj_id",
    "payload_on": "pl_on",
    "payload_off": "pl_off",
    "device": "dev",
}
"""Key to the abbreviation that small devices send."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One value that a device announced."""

    state_topic: str
    names: tuple[str, ...]
    """By which ``plant.yaml`` may mean it, the least ambiguous last."""
    devices: tuple[str, ...]
    """Name and identifiers of its device."""
    unit: str | None
    look: Getter | None
    """Finds the value in a JSON message; None where the message is the value."""
    words: Mapping[str, float]
    """Of a binary sensor: what it says when on and off."""
    device_name: str = ""
    """As people call its device; empty where the announcement does not say it."""
    device_class: str = ""

    def value(self, state: "State") -> object:
        """Return what a state says: a number, else a word; None for nothing.

        Raises:
            PayloadError: the state cannot be read.
        """
        said = FORMATS["value"](state.payload, 0.0) if self.look is None else self.look(state.content)
        if isinstance(said, str) and is_number(said.strip()):
            said = float(said)  # what a template yields is text in Home Assistant, too
        return self.words[said] if isinstance(said, str) and said in self.words else said


class State:
    """The payload of a state, decoded once for all entities that look into it."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    @cached_property
    def content(self) -> Any:
        """What it says as JSON."""
        return decode_json(self.payload)


class HomeAssistantSource:
    """Reads states as discovery messages say.

    Args:
        name: of the source.
        settings: of it.
        devices: the devices of the plant, by id.
        max_payload_bytes: larger payloads are refused.
        memory: what was announced, by topic; it outlives this object, since announcements come once in a connection.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        devices: Mapping[str, DeviceSpec],
        max_payload_bytes: int,
        memory: dict[str, Entity],
    ) -> None:
        self.name = name
        self._settings = settings
        self._devices = devices
        self._max_payload_bytes = max_payload_bytes
        self._configs = [parse_topic(text) for text in settings.topic]
        self._states = [parse_topic(text) for text in settings.states]
        self._announced = memory
        self._grader = Grader(settings.quality)
        self._plans: dict[str, Plan] = {}
        self._by_topic: dict[str, list[Entity]] = {}
        for entity in memory.values():
            self._by_topic.setdefault(entity.state_topic, []).append(entity)

    def filters(self) -> tuple[str, ...]:
        """Return the MQTT topic filters of announcements and states."""
        return tuple(dict.fromkeys(topic.filter for topic in (*self._configs, *self._states)))

    def route(self, topic: str) -> Route | None:
        """Return where the messages on a topic go; None for a topic of somebody else."""
        if any(pattern.match(topic) is not None for pattern in self._configs):
            return Route(self, "", _CONFIG, None)
        if any(pattern.match(topic) is not None for pattern in self._states):
            return Route(self, "", _STATE, None)
        return None

    def decode(self, route: Route, message: BusMessage, received_at: float) -> Decoded:
        """Take an announcement, or return what a state says; see ``MessageSource``."""
        if len(message.payload) > self._max_payload_bytes:
            raise PayloadError("payload_too_large", f"expected at most {self._max_payload_bytes} bytes")
        if route.sensor == _CONFIG:
            if message.topic.endswith("/config"):
                self._announce(message.topic, message.payload)
            return Decoded(())
        if message.retain and not self._settings.retained:
            raise PayloadError("retained", "old news; retained: true in its source takes it")
        return self._state(message, received_at)

    # --- announcements ----------------------------------------------------------------------------

    def _announce(self, topic: str, payload: bytes) -> None:
        before = self._announced.pop(topic, None)
        if before is not None:
            self._by_topic[before.state_topic].remove(before)
        if not payload:  # the entity is gone
            return
        if len(self._announced) >= _MAX_ENTITIES:
            raise PayloadError("bad_payload", f"more than {_MAX_ENTITIES:,} announcements")
        entity = announced(topic, payload)
        self._announced[topic] = entity
        self._by_topic.setdefault(entity.state_topic, []).append(entity)

    # --- states -----------------------------------------------------------------------------------

    def _state(self, message: BusMessage, received_at: float) -> Decoded:
        parts, state = Parts(received_at, message.receipt), State(message.payload)
        for entity in self._by_topic.get(message.topic, ()):
            device_id = self._device_of(entity)
            if device_id is None:
                continue
            rule = next((rule for name in entity.names if (rule := self._plan(device_id).by_name.get(name))), None)
            if rule is None:
                continue
            said = entity.value(state)
            if said is None:
                continue
            values: dict[str, float] = {}
            refused: list[RefusedValue] = []
            rule.take(said, values, refused, unit=entity.unit)
            parts.put(device_id, received_at, values, refused)
        if not parts.any and not self._settings.partial:
            raise PayloadError("no_known_sensor", "no announcement of a sensor of the plant names this topic")
        return Decoded(parts.readings())

    def _device_of(self, entity: Entity) -> str | None:
        table = self._settings.devices
        ours = (table.get(name, name) for name in entity.devices)
        return next((device_id for device_id in ours if device_id in self._devices), None)

    def _plan(self, device_id: str) -> Plan:
        plan = self._plans.get(device_id)
        if plan is None:
            plan = self._plans[device_id] = Plan(self._settings, self._devices[device_id].sensors, self._grader)
        return plan


def announced(topic: str, payload: bytes) -> Entity:
    """Return what an announcement says.

    Raises:
        PayloadError: it is none, or its template does more than look a value up.
    """
    config = decode_json(payload)
    if not isinstance(config, dict):
        raise PayloadError("bad_payload", "expected the announcement of an entity, a JSON object")
    base = config.get("~", "")

    def text(key: str, within: Mapping[str, Any] = config) -> str:
        said = within.get(key, within.get(_SHORT.get(key, key), ""))
        return said if isinstance(said, str) else ""

    state_topic = text("state_topic")
    if isinstance(base, str) and base:
        state_topic = re.sub("^~|~$", base.replace("\\", r"\\"), state_topic)
    if not state_topic:
        raise PayloadError("bad_payload", "an announcement without state_topic")
    device = config.get("device", config.get("dev"))
    device = device if isinstance(device, dict) else {}
    identifiers = device.get("identifiers", device.get("ids", ()))
    identifiers = [identifiers] if isinstance(identifiers, str) else identifiers
    identifiers = identifiers if isinstance(identifiers, list) else []
    unique_id, object_id = text("unique_id"), text("object_id") or topic.split("/")[-2]
    names = (unique_id, object_id, text("name"), text("device_class"))
    devices = (*(one for one in identifiers if isinstance(one, str)), text("name", device), unique_id)
    words: dict[str, float] = {}
    if "/binary_sensor/" in topic:
        words = {text("payload_on") or "ON": 1.0, text("payload_off") or "OFF": 0.0}
    return Entity(
        state_topic,
        tuple(name for name in names if name),
        tuple(name for name in devices if name),
        text("unit_of_measurement") or None,
        _template(text("value_template")),
        words,
        text("name", device),
        text("device_class"),
    )


def _template(text: str) -> Getter | None:
    if not text:
        return None
    match = _TEMPLATE.fullmatch(text.strip())
    if match is None or (match["path"] and not match["json"]):
        raise PayloadError("bad_payload", f"a template that does more than look a value up: {text[:80]!r}")
    if not match["json"]:
        return None
    path = match["path"].removeprefix(".") or "."
    try:
        parse_path(path)
    except ValueError:
        raise PayloadError("bad_payload", f"a template that cannot be read: {text[:80]!r}") from None
    return getter([path])
