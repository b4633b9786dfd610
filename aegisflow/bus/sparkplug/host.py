"""AegisFlow as a host application of Sparkplug B (Sparkplug 3.0.0, chapter 5)."""

from collections.abc import Mapping

from aegisflow.bus import BusMessage
from aegisflow.bus.sources import Death, Decoded, Route
from aegisflow.bus.sources.parts import Parts
from aegisflow.bus.sources.plan import Plan
from aegisflow.bus.sources.rules import Grader
from aegisflow.bus.sparkplug.node import EdgeNode
from aegisflow.bus.sparkplug.payload import BOOLEAN, GOOD, Metric, SparkplugPayload, decode, encode
from aegisflow.config.paths import parse_topic
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.equipment import DeviceSpec, SensorSpec
from aegisflow.domain.readings import RefusedValue
from aegisflow.errors import PayloadError

__all__ = ["SparkplugSource"]

REBIRTH = "Node Control/Rebirth"
REBIRTH_EVERY_S = 10.0
"""A node is asked for its birth once in so long at most."""
_TYPES = ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA")
_NONE_OF_OURS = ""
"""Commands, and the states of host applications."""
MAX_NODES = 20_000


class SparkplugSource:
    """Follows births and deaths, and reads metrics by name or alias.

    Args:
        name: of the source.
        settings: of it.
        devices: the devices of the plant, by id.
        max_payload_bytes: larger payloads are refused.
        memory: edge nodes by group and name; it outlives this object, since births come once.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        devices: Mapping[str, DeviceSpec],
        max_payload_bytes: int,
        memory: dict[str, EdgeNode],
    ) -> None:
        self.name = name
        self._settings = settings
        self._devices = devices
        self._max_payload_bytes = max_payload_bytes
        self._topics = [parse_topic(text) for text in settings.topic]
        self._nodes = memory
        self._grader = Grader(settings.quality)
        self._plans: dict[int, Plan] = {}

    def filters(self) -> tuple[str, ...]:
        """Return the MQTT topic filters of its messages."""
        return tuple(dict.fromkeys(topic.filter for topic in self._topics))

    def route(self, topic: str) -> Route | None:
        """Return where the messages on a topic go; None for a topic of somebody else."""
        if not any(pattern.match(topic) is not None for pattern in self._topics):
            return None
        levels = topic.split("/")
        if len(levels) not in (4, 5) or levels[2] not in _TYPES or (levels[2][0] == "D") != (len(levels) == 5):
            return Route(self, "", _NONE_OF_OURS, None)
        device = "/".join((levels[1], *levels[3:]))
        return Route(self, device, levels[2], self._ours(device))

    def decode(self, route: Route, message: BusMessage, received_at: float) -> Decoded:
        """Take a birth, a death or data; see ``MessageSource``."""
        if route.sensor == _NONE_OF_OURS:
            return Decoded(())
        if message.retain:
            raise PayloadError("retained", "births, deaths and data are never retained")
        if len(message.payload) > self._max_payload_bytes:
            raise PayloadError("payload_too_large", f"expected at most {self._max_payload_bytes} bytes")
        kind, theirs = route.sensor, route.device
        group, edge, *rest = theirs.split("/")
        node_name, device = f"{group}/{edge}", rest[0] if rest else ""
        payload = decode(message.payload)
        node = self._node(node_name)
        if kind == "NDEATH":
            return Decoded((), deaths=self._deaths(node, node_name) if node.died(payload) else ())
        if kind == "NBIRTH":
            node.born(payload)
            complete = True
        else:
            complete = node.follows(payload.seq) and node.alive
            if kind == "DDEATH":
                node.devices[device] = False
                lost = self._death(theirs, f"its edge node says that it is gone (DDEATH of {theirs})")
                return Decoded((), deaths=lost, answers=() if complete else self._rebirth(node, node_name, received_at))
            if kind == "DBIRTH":
                node.devices[device] = True
                node.learn(payload.metrics, device)
            elif kind == "DDATA":
                complete = node.devices.setdefault(device, False) and complete
        decoded = self._values(node, route, payload, message, received_at)
        if not complete or any(problem.reason == "no_birth" for problem in decoded.problems):
            decoded = decoded._replace(answers=self._rebirth(node, node_name, received_at))
        return decoded

    def _node(self, name: str) -> EdgeNode:
        node = self._nodes.get(name)
        if node is None:
            if len(self._nodes) >= MAX_NODES:
                raise PayloadError("bad_payload", f"more than {MAX_NODES:,} edge nodes")
            node = self._nodes[name] = EdgeNode()
        return node

    # --- values -----------------------------------------------------------------------------------

    def _values(
        self, node: EdgeNode, route: Route, payload: SparkplugPayload, message: BusMessage, received_at: float
    ) -> Decoded:
        device_id = route.device_id
        rules = {} if device_id is None else self._plan(device_id).by_name
        live, historical = Parts(received_at, message.receipt), Parts(received_at, message.receipt)
        unknown = 0
        for metric in payload.metrics:
            found = node.named(metric)
            if found is None:
                unknown += 1
                continue
            name, value = found
            rule = rules.get(name)
            if rule is None or device_id is None or value is None:
                continue
            values: dict[str, float] = {}
            refused: list[RefusedValue] = []
            rule.take(value, values, refused, metric.quality is None or metric.quality == GOOD)
            at = next((one for one in (metric.at, payload.at) if one is not None), received_at)
            (historical if metric.is_historical else live).put(device_id, at, values, refused)
        problems: tuple[PayloadError, ...] = ()
        if unknown:
            told = f"{unknown} metrics by an alias that no birth has told; a rebirth is asked for"
            problems = (PayloadError("no_birth", told),)
        elif device_id is None and route.sensor == "DBIRTH":  # told once, and not with all of its data
            problems = (PayloadError("unknown_device", f"{route.device[:60]!r} is no device of the plant"),)
        return Decoded(live.readings(), problems, historical=historical.readings())

    # --- births and deaths ------------------------------------------------------------------------

    def _deaths(self, node: EdgeNode, node_name: str) -> tuple[Death, ...]:
        why = f"its edge node {node_name} is gone (NDEATH): it lost the broker, or was switched off"
        gone = [self._death(node_name, why)]
        gone += [self._death(f"{node_name}/{device}", why) for device in node.devices]
        node.devices = dict.fromkeys(node.devices, False)
        return tuple(death for deaths in gone for death in deaths)

    def _death(self, theirs: str, why: str) -> tuple[Death, ...]:
        device_id = self._ours(theirs)
        return () if device_id is None else (Death(device_id, why),)

    def _rebirth(self, node: EdgeNode, node_name: str, at: float) -> tuple[tuple[str, bytes], ...]:
        """Return the request for all births of a node, unless it was asked for only lately."""
        if not node.may_ask(at, REBIRTH_EVERY_S):
            return ()
        group, edge = node_name.split("/")
        wanted = Metric(REBIRTH, None, at, BOOLEAN, True, False, None)
        return ((f"spBv1.0/{group}/NCMD/{edge}", encode(at, (wanted,))),)

    def objection(self, topic: str, name: str, alias: int | None, datatype: int) -> str:
        """Return why a metric cannot be written by a command on this topic now; empty if it can be."""
        _, group, _, edge, *rest = topic.split("/")
        node = self._nodes.get(f"{group}/{edge}")
        if node is None:
            return "no birth of its edge node has been seen"
        return node.objection(rest[0] if rest else "", name, alias, datatype)

    # --- who --------------------------------------------------------------------------------------

    def _ours(self, theirs: str) -> str | None:
        """Return our device for group/node or group/node/device: by the table, or by the last of its names."""
        ours = self._settings.devices.get(theirs, theirs.rpartition("/")[2])
        return ours if ours in self._devices else None

    def _plan(self, device_id: str) -> Plan:
        sensors: Mapping[str, SensorSpec] = self._devices[device_id].sensors
        plan = self._plans.get(id(sensors))
        if plan is None:
            plan = self._plans[id(sensors)] = Plan(self._settings, sensors, self._grader)
        return plan
