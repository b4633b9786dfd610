"""How commands are written to machines that do not speak AegisFlow's own protocol, and how their answers are read.

::

    OrderSpec (plant.yaml) + Command ─► WrittenCommand, judged, approved and stored ─► with the times of sending, bytes

What a proposal puts into a template are numbers, and names that stand in ``plant.yaml``. They go into the values of a
JSON document and never into its text, so that nothing in them can change its form.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from aegisflow.domain.times import format_instant
from aegisflow.errors import BadValueError

__all__ = [
    "ANYTHING",
    "DATATYPES",
    "EXPIRIES",
    "SETPOINT_TOLERANCE",
    "TIMES",
    "WRITTEN",
    "AnswerSpec",
    "MachineSaid",
    "OrderSpec",
    "WritingSpec",
    "WrittenCommand",
    "fill",
    "order_key",
    "placeholders",
]

SETPOINT_TOLERANCE = 1e-3
"""How far the set-point that a machine says it has may lie from the one that it was given, as a share of that."""
TIMES = ("issued_at", "expires_at", "issued_s", "expires_s", "issued_ms", "expires_ms")
"""Placeholders that are filled as a command is sent; the last four are UTC epoch seconds and milliseconds."""
WRITTEN = "command_written"
"""Act of the audit with the exact bytes of a command, committed before they are published."""
EXPIRIES = frozenset({"expires_at", "expires_s", "expires_ms"})
ANYTHING = "*"
"""Among the words of an answer: whatever stands there."""
DATATYPES: Mapping[str, tuple[int, float | None, float | None]] = {
    "Int8": (1, -(2**7), 2**7 - 1),
    "Int16": (2, -(2**15), 2**15 - 1),
    "Int32": (3, -(2**31), 2**31 - 1),
    "Int64": (4, -(2**63), 2**63 - 1),
    "UInt8": (5, 0, 2**8 - 1),
    "UInt16": (6, 0, 2**16 - 1),
    "UInt32": (7, 0, 2**32 - 1),
    "UInt64": (8, 0, 2**64 - 1),
    "Float": (9, None, None),
    "Double": (10, None, None),
    "Boolean": (11, None, None),
    "String": (12, None, None),
}
"""Data type of Sparkplug B to its number, and the least and the most that an integer of it can be."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_FLOAT_MAX = 3.4028234663852886e38


@dataclass(frozen=True, slots=True)
class WrittenCommand:
    """A command as it goes to the wire; only the times of sending are left open."""

    topic: str
    payload: str
    """The text of the payload; with sparkplug_b, a JSON object of the metric's name, alias, data type and value."""
    format: str = "json"
    """json, text or sparkplug_b."""
    qos: int = 1
    answers: bool = False
    """Whether the machine answers; one that does not is proved by readings alone."""

    @property
    def knows_expiry(self) -> bool:
        """Whether it says until when it is good, so that the machine can refuse to begin too late."""
        return bool(placeholders(self.payload) & EXPIRIES)

    def text(self, issued_at: float, expires_at: float) -> str:
        """Return the text of the payload as it is sent at ``issued_at``; both are UTC epoch seconds."""
        times: dict[str, Any] = {
            "issued_at": format_instant(issued_at),
            "expires_at": format_instant(expires_at),
            "issued_s": int(issued_at),
            "expires_s": int(expires_at),
            "issued_ms": round(issued_at * 1000),
            "expires_ms": round(expires_at * 1000),
        }
        if not placeholders(self.payload) & times.keys():
            return self.payload
        return _text_of(self.payload, times) if self.format == "text" else _json(fill(json.loads(self.payload), times))

    def __str__(self) -> str:
        """Return it in words, for whoever approves it."""
        said = self.payload if len(self.payload) <= 400 else f"{self.payload[:400]}… ({len(self.payload)} characters)"
        notes = [f"QoS {self.qos}", "not retained"]
        notes += [] if self.knows_expiry else ["the machine cannot know when it expires"]
        notes += [] if self.answers else ["the machine does not answer, so readings alone can prove it"]
        return f"writes to {self.topic}: {said} ({', '.join(notes)})"


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """How a machine answers. Paths lead into its message; of several, the first that leads somewhere counts."""

    topic: str
    format: str = "json"
    """json, or value: a bare word or number."""
    command_id: tuple[str, ...] = ()
    """Path to the command's id, where the machine echoes it."""
    result: tuple[str, ...] = (".",)
    """Path to what the words below are compared with; nothing there is no answer."""
    accepted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    """Path to the set-point that the machine says it has."""

    @property
    def where(self) -> tuple[object, ...]:
        """Where everything is looked for; answers of several commands that share it are taken apart once."""
        return (self.topic, self.format, self.command_id, self.result, self.detail, self.value)

    def judge(self, result: object, values: Mapping[str, Any]) -> str:
        """Return ``refused``, ``done`` or ``accepted`` for what a machine says; empty where it is none of these.

        A word that is named counts before ``*``, and a refusal before the others.
        """
        lists = (("refused", self.refused), ("done", self.done), ("accepted", self.accepted))
        for name, words in lists:
            if any(word != ANYTHING and _is(result, fill(word, values)) for word in words):
                return name
        return next((name for name, words in lists if ANYTHING in words), "")


@dataclass(frozen=True, slots=True)
class MachineSaid:
    """What was found in a message on the topic on which a machine answers."""

    device_id: str
    command_id: str
    """As the machine echoes it; empty where it names none."""
    result: object
    detail: str
    value: object
    """The set-point that it says it has; None where it does not say."""
    where: tuple[object, ...] = ()
    """Of the ``AnswerSpec`` by which it was found."""


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """How one command is written."""

    topic: str
    payload: object
    """A JSON document, or the text itself; ``{word}`` stands for what the command says."""
    format: str = "json"
    qos: int = 1
    scale: float = 1.0
    offset: float = 0.0
    decimals: int | None = None
    """Digits after the point that the number is rounded to; None for as it is."""
    metric: str = ""
    datatype: str = ""
    alias: int | None = None
    answer: AnswerSpec | None = None

    def number(self, amount: float) -> float:
        """Return an amount as the machine counts it."""
        scaled = amount * self.scale + self.offset
        return scaled if self.decimals is None else round(scaled, self.decimals)

    def values(self, command_id: str, name: str, parameters: Mapping[str, str | float]) -> dict[str, Any]:
        """Return what the placeholders stand for, but for the times of sending."""
        values: dict[str, Any] = {"command_id": command_id, "command": name}
        if "reduction_pct" in parameters:
            reduction = float(parameters["reduction_pct"])
            values |= {"reduction_pct": self.number(reduction), "load_pct": self.number(100.0 - reduction)}
        if "value" in parameters:
            values |= {"value": self.number(float(parameters["value"])), "parameter": str(parameters["name"])}
        return values


@dataclass(frozen=True, slots=True)
class WritingSpec:
    """How the commands of one machine are written; a command that is not among them is refused."""

    orders: Mapping[str, OrderSpec] = field(default_factory=dict)
    """Command, or ``set_parameter.NAME`` for one set-point, to how it is written."""
    others: bool = False
    """Whether somebody else, as the machine's own panel, may write to the same topics."""

    def order(self, name: str, parameters: Mapping[str, str | float]) -> OrderSpec | None:
        """Return how a command is written; None where nobody has said, so that the machine cannot be told it."""
        own = self.orders.get(f"{name}.{parameters['name']}") if "name" in parameters else None
        return own or self.orders.get(name)

    def expires(self, name: str, parameters: Mapping[str, str | float]) -> bool:
        """Return whether what is written says until when it is good."""
        order = self.order(name, parameters)
        return order is not None and bool(placeholders(order.payload) & EXPIRIES)

    def objection(self, command_id: str, name: str, parameters: Mapping[str, str | float]) -> str:
        """Return why a command cannot be written; empty where it can be, as far as its parameters are known."""
        order = self.order(name, parameters)
        by_name = [one for one in self.orders if one.startswith(f"{name}.")]
        if order is None and not (by_name and "name" not in parameters):
            what = f"{name} of {parameters['name']}" if "name" in parameters else name
            return (
                f"plant.yaml does not say how {what} is written to this machine (commands.write), so it cannot be told"
            )
        if order is not None and (parameters or name not in ("set_parameter", "reduce_load")):
            try:
                self.write(command_id, name, parameters)
            except BadValueError as error:
                return f"it cannot be written to the machine: {error}"
        return ""

    def write(self, command_id: str, name: str, parameters: Mapping[str, str | float]) -> WrittenCommand:
        """Return what is to be published.

        Raises:
            BadValueError: nobody has said how it is written, or a value does not fit what the machine takes.
        """
        order = self.order(name, parameters)
        if order is None:
            raise BadValueError("command", name, f"one of {', '.join(self.orders) or 'none'}")
        values = order.values(command_id, name, parameters)
        said = fill(order.payload, values)
        if order.format == "sparkplug_b":
            said = {"metric": order.metric, "alias": order.alias, "datatype": order.datatype, "value": said}
            _check_metric(order.datatype, said["value"])
        payload = str(said) if order.format == "text" else _json(said)
        return WrittenCommand(
            _text_of(order.topic, values), payload, order.format, order.qos, answers=order.answer is not None
        )

    def topics(self, setpoints: tuple[str, ...]) -> frozenset[str]:
        """Return all topics that its commands are published to; ``setpoints`` are the names of its parameters."""
        found = set()
        for key, order in self.orders.items():
            _, _, own = key.partition(".")
            names = (own,) if own else setpoints or ("",)
            found |= {_text_of(order.topic, {"parameter": name}) for name in names}
        return frozenset(found)

    def says(self, said: MachineSaid, command_id: str, name: str, parameters: Mapping[str, str | float]) -> str:
        """Return the result that a machine's answer comes to for a command of ours; empty where it is no answer to it.

        A refusal that names no command counts as a doubt, ``interrupted``, where others may write, too.
        """
        order = self.order(name, parameters)
        if order is None or order.answer is None or order.answer.where != said.where:
            return ""
        if order.answer.command_id and said.command_id != command_id:
            return ""
        result = order.answer.judge(said.result, order.values(command_id, name, parameters))
        return "interrupted" if result == "refused" and self.others and not order.answer.command_id else result

    def setpoint(self, said: MachineSaid, name: str, parameters: Mapping[str, str | float]) -> dict[str, float]:
        """Return the set-point that a machine says it has, in the unit of the command; empty where it does not say."""
        order = self.order(name, parameters)
        if order is None or "value" not in parameters or isinstance(said.value, bool):
            return {}
        if not isinstance(said.value, int | float):
            return {}
        wanted = float(parameters["value"])
        # Compared as the machine counts: what it was given is rounded already.
        same = isclose(said.value, order.number(wanted), rel_tol=SETPOINT_TOLERANCE, abs_tol=1e-9)
        return {str(parameters["name"]): wanted if same else (said.value - order.offset) / order.scale}


def order_key(text: str) -> tuple[str, str]:
    """Return command and set-point of a key of ``commands.write``, such as ``set_parameter.speed``."""
    command, _, parameter = text.partition(".")
    return command, parameter


def placeholders(tree: object) -> set[str]:
    """Return the names of all placeholders in a template."""
    if isinstance(tree, str):
        return set(_PLACEHOLDER.findall(tree))
    if isinstance(tree, Mapping):
        return {name for pair in tree.items() for part in pair for name in placeholders(part)}
    if isinstance(tree, list | tuple):
        return {name for part in tree for name in placeholders(part)}
    return set()


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with its placeholders filled, as far as ``values`` has them.

    A text that is one placeholder becomes the value itself, a number stays a number; within a longer text it is
    written out.
    """
    if isinstance(tree, str):
        whole = _PLACEHOLDER.fullmatch(tree)
        if whole is not None and whole[1] in values:
            return _plain(values[whole[1]])
        return _text_of(tree, values)
    if isinstance(tree, Mapping):
        return {_text_of(str(key), values): fill(value, values) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [fill(part, values) for part in tree]
    return tree


def _text_of(text: str, values: Mapping[str, Any]) -> str:
    def found(match: "re.Match[str]") -> str:
        return _word(values[match[1]]) if match[1] in values else match[0]

    return _PLACEHOLDER.sub(found, text)


def _plain(value: Any) -> Any:
    """Return a number without a fraction as a whole one, which some machines insist on."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _is(result: object, word: object) -> bool:
    """Return whether a machine says a word: numbers by their value, all else by its text."""
    try:
        if not isinstance(result, bool) and isinstance(result, int | float):
            return isclose(result, float(str(word)), rel_tol=SETPOINT_TOLERANCE, abs_tol=1e-9)
    except ValueError:
        return False
    return _word(result) == _word(word)


def _json(tree: object) -> str:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _check_metric(datatype: str, value: object) -> None:
    """Check that a value is one of a data type of Sparkplug B.

    Raises:
        BadValueError: it is not.
    """
    _, low, high = DATATYPES[datatype]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if datatype == "Boolean":
        fits = isinstance(value, bool)
    elif datatype == "String":
        fits = isinstance(value, str)
    elif low is None or high is None:
        fits = is_number and (datatype == "Double" or abs(float(str(value))) <= _FLOAT_MAX)
    else:
        fits = isinstance(value, int) and is_number and low <= value <= high
    if not fits:
        bounds = "" if low is None else f" from {low} to {high}"
        raise BadValueError(
            "value", value if isinstance(value, int | float | str) else str(value), f"{datatype}{bounds}"
        )
