"""Sparkplug B as it is overheard: births tell the names, and data that came before them is nameless."""

from collections.abc import Iterator

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sparkplug.node import BD_SEQ, EdgeNode
from aegisflow.bus.sparkplug.payload import BOOLEAN, Metric, decode, encode
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import plain
from aegisflow.errors import PayloadError

__all__ = ["SparkplugEar", "is_sparkplug"]

_DATA = frozenset({"NBIRTH", "NDATA", "DBIRTH", "DDATA"})
_HOUSEKEEPING = ("Node Control/", "Device Control/", "Node Info/", "Device Info/", "Properties/")
"""Metrics that say something of the gateway, and nothing of a machine."""
_NODE_LEVELS, _DEVICE_LEVELS = 4, 5


def is_sparkplug(message: CapturedMessage) -> bool:
    """Return whether a message is one of Sparkplug B by its topic."""
    levels = message.topic.split("/")
    return levels[0] == "spBv1.0" and len(levels) in (_NODE_LEVELS, _DEVICE_LEVELS)


class SparkplugEar:
    """Follows the births of edge nodes, and names what they send after them."""

    def __init__(self) -> None:
        self._nodes: dict[str, EdgeNode] = {}
        self._asked: set[str] = set()

    def listen(self, message: CapturedMessage) -> Iterator[Found]:
        """Give the values of a message; none for deaths, commands, and aliases that no birth has told."""
        _, group, kind, edge, *device = message.topic.split("/")
        if kind not in _DATA:
            return
        try:
            payload = decode(message.payload)
        except PayloadError:
            return
        node = self._nodes.setdefault(f"{group}/{edge}", EdgeNode())
        if kind == "NBIRTH":
            node.born(payload)
        elif kind == "DBIRTH":
            node.learn(payload.metrics)
        for metric in payload.metrics:
            named = node.named(metric)
            if named is not None and named[0] != BD_SEQ and not named[0].startswith(_HOUSEKEEPING):
                yield Found("/".join((group, edge, *device)), plain(named[0]), named[0], named[1])

    def request(self, message: CapturedMessage) -> tuple[str, bytes] | None:
        """Return topic and payload that ask a node for its births, once, when it sends data before any."""
        _, group, kind, edge, *_ = message.topic.split("/")
        name = f"{group}/{edge}"
        if name in self._asked or kind not in ("NDATA", "DDATA"):
            return None
        self._asked.add(name)
        wanted = Metric("Node Control/Rebirth", None, message.at, BOOLEAN, True, False, None)
        return f"spBv1.0/{group}/NCMD/{edge}", encode(message.at, (wanted,))
