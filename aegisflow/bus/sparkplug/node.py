"""What is known of one edge node: its session, its metrics by their aliases, and the devices behind it."""

from collections.abc import Iterable

from aegisflow.bus.sparkplug.payload import Metric, SparkplugPayload, typed

__all__ = ["EdgeNode"]

BD_SEQ = "bdSeq"
MAX_ALIASES = 200_000
_SEQUENCE = 256
"""The sequence of messages counts 0 to 255 and begins anew."""


class EdgeNode:
    """An edge node between its birth and its death.

    ::

        unknown ── NBIRTH ──► alive ── NDEATH of the same bdSeq ──► dead
           │                    │ ▲
           └── any data ──► rebirth requested ◄── a gap in seq, an alias that no birth told, data of a dead device

    Values that can be read are taken also while a rebirth is asked for: a gap says that a message is missing, and
    nothing against the one at hand.
    """

    __slots__ = ("_announced", "_asked_at", "_metrics", "_seq", "alive", "bd_seq", "devices")

    def __init__(self) -> None:
        self.alive = False
        self.bd_seq: int | None = None
        """Counts sessions; birth and death of one session have the same."""
        self.devices: dict[str, bool] = {}
        """Device behind it to whether it is alive."""
        self._metrics: dict[int, tuple[str, int | None]] = {}
        """Alias to name and data type; an alias is good for the whole node."""
        self._announced: dict[tuple[str, str], tuple[int | None, int | None]] = {}
        """Device behind it, empty for itself, and name of a metric to alias and data type."""
        self._seq: int | None = None
        self._asked_at = float("-inf")

    def born(self, payload: SparkplugPayload) -> None:
        """Begin a session: what was known before holds no longer."""
        self.alive = True
        self.devices = {}
        self._metrics = {}
        self._announced = {}
        self._seq = payload.seq
        self.bd_seq = bd_seq_of(payload)
        self.learn(payload.metrics)

    def died(self, payload: SparkplugPayload) -> bool:
        """Take in a death; return False for that of an earlier session, which says nothing of this one."""
        bd_seq = bd_seq_of(payload)
        if self.alive and bd_seq is not None and self.bd_seq is not None and bd_seq != self.bd_seq:
            return False
        self.alive = False
        return True

    def learn(self, metrics: Iterable[Metric], device: str = "") -> None:
        """Take note of the metrics that a birth announces, that of the node itself or of a device behind it."""
        for metric in metrics:
            if metric.name and len(self._announced) < MAX_ALIASES:
                self._announced[device, metric.name] = (metric.alias, metric.datatype)
            if metric.alias is not None and metric.name and len(self._metrics) < MAX_ALIASES:
                self._metrics[metric.alias] = (metric.name, metric.datatype)

    def objection(self, device: str, name: str, alias: int | None, datatype: int) -> str:
        """Return why a metric cannot be written now: its machine is gone, or its birth says otherwise; else empty."""
        if not self.alive or (device and not self.devices.get(device, False)):
            return "no birth has been seen of it since it was last gone"
        known = self._announced.get((device, name))
        if known is None:
            return f"its birth announces no metric {name!r}"
        if alias is not None and known[0] != alias:
            return f"its birth gives {name!r} the alias {known[0]}, and plant.yaml says {alias}"
        if known[1] is not None and known[1] != datatype:
            return f"its birth gives {name!r} the data type {known[1]}, and plant.yaml says {datatype}"
        return ""

    def follows(self, seq: int | None) -> bool:
        """Take note of a message's place in the sequence; return whether none is missing before it."""
        expected = None if self._seq is None else (self._seq + 1) % _SEQUENCE
        self._seq = seq
        return seq is not None and seq == expected

    def named(self, metric: Metric) -> tuple[str, object] | None:
        """Return name and value of a metric; None for an alias that no birth has told."""
        if metric.name:
            datatype = metric.datatype
            if datatype is None and metric.alias is not None:
                datatype = self._metrics.get(metric.alias, ("", None))[1]
            return metric.name, typed(metric, datatype)
        known = self._metrics.get(metric.alias) if metric.alias is not None else None
        return None if known is None else (known[0], typed(metric, known[1]))

    def may_ask(self, at: float, every_s: float) -> bool:
        """Return whether a rebirth may be asked for now, and take note of it: once in a while, whatever comes."""
        if at - self._asked_at < every_s:
            return False
        self._asked_at = at
        return True


def bd_seq_of(payload: SparkplugPayload) -> int | None:
    """Return the number of the session that a birth or death tells."""
    value = next((metric.value for metric in payload.metrics if metric.name == BD_SEQ), None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
