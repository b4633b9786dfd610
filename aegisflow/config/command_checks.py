"""From ``commands`` of a kind and a device to how its commands are written, and what can be wrong with that."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aegisflow.config.fields import Section
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of
from aegisflow.config.paths import may_coincide
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.commands.validation import REDUCTION_PCT
from aegisflow.domain.commands.writing import (
    ANYTHING,
    DATATYPES,
    TIMES,
    AnswerSpec,
    OrderSpec,
    WritingSpec,
    fill,
    order_key,
    placeholders,
)
from aegisflow.domain.equipment import ParameterSpec
from aegisflow.errors import BadValueError

__all__ = ["WritingRules", "build_writing"]

Tree = dict[str, Any]

_MACHINE = frozenset({"name", "device_id"})
_ALWAYS = frozenset({"command", "command_id", *TIMES})
_OF: Mapping[str, frozenset[str]] = {
    CommandName.REDUCE_LOAD: frozenset({"reduction_pct", "load_pct"}),
    CommandName.SET_PARAMETER: frozenset({"value", "parameter"}),
}
"""What the placeholders of a command may be beside those of all."""
_NUMBERS = frozenset({"reduction_pct", "load_pct", "value"})
_REBIRTHS = ("Node Control/Rebirth", "Device Control/Rebirth")
_MAX_TOPIC = 500


class WritingRules(NamedTuple):
    """What the rest of the file says that templates must go by."""

    topics: Section
    """``broker.topics``: AegisFlow's own, which nobody else's may be taken for."""
    named: Mapping[str, tuple[str, ...]]
    """Device to its sender's names in the sources."""


class _Place:
    """Where things stand in the file: under the device, or else under its kind."""

    def __init__(self, at: KeyPath, kind: str, mistakes: Mistakes) -> None:
        self._own, self._kind, self._mistakes = (*at, "commands"), ("kinds", kind, "commands"), mistakes

    def of(self, *keys: str) -> KeyPath:
        """Return the longest of the two paths that the file really has."""
        for length in range(len(keys), -1, -1):
            for base in (self._own, self._kind):
                if (*base, *keys[:length]) in self._mistakes.lines:
                    return (*base, *keys)
        return (*self._own, *keys)

    def add(self, keys: tuple[str, ...], found: object, expected: str) -> None:
        self._mistakes.add(self.of(*keys), found, expected)

    def any_in(self, *keys: str) -> bool:
        """Return whether something there is wrong already."""
        return self._mistakes.any_in(self.of(*keys))


def build_writing(
    at: KeyPath,
    kind: str,
    given: Tree,
    parameters: Mapping[str, ParameterSpec],
    rules: WritingRules,
    mistakes: Mistakes,
) -> WritingSpec | None:
    """Return how the commands of a device are written; None where it speaks AegisFlow's own protocol, or takes none.

    Args:
        at: key path of the device.
        kind: its name.
        given: its ``commands``, with those of its kind beneath.
        parameters: its set-points.
        rules: what the rest of the file says.
        mistakes: gathers what is wrong.
    """
    if given.get("take") == "none" or not given.keys() - {"take", "name"}:
        return None
    builder = _OrderBuilder(str(at[3]), given, parameters, rules, _Place(at, kind, mistakes))
    return builder.build()


class _OrderBuilder:
    def __init__(
        self, device_id: str, given: Tree, parameters: Mapping[str, ParameterSpec], rules: WritingRules, place: _Place
    ) -> None:
        self._given, self._parameters, self._rules, self._place = given, parameters, rules, place
        self._format = given.get("format", "json")
        self._values = {"device_id": device_id, "name": self._name(device_id)}

    def build(self) -> WritingSpec:
        orders: dict[str, OrderSpec] = {}
        write = {key: part for key, part in self._given.get("write", {}).items() if part is not None}
        if not write:
            expected = (
                "at least one command, such as emergency_shutdown; or commands: none for a machine that takes none"
            )
            self._place.add(("write",), None, expected)
        for key, part in write.items():
            command, parameter = order_key(key)
            if self._is_known(key, command, parameter):
                orders[key] = self._order(key, command, parameter, part)
        spec = WritingSpec(orders, self._given.get("others") == "allowed")
        self._check_answers(spec)
        return spec

    def _name(self, device_id: str) -> str:
        named = self._rules.named.get(device_id, ())
        if "name" not in self._given and len(set(named)) > 1:
            self._place.add(("name",), None, f"its own name, since sources call it {' and '.join(sorted(set(named)))}")
        name = str(self._given.get("name") or next(iter(named), device_id))
        levels = name.split("/")
        if set(name) & set("+#{}") or not all(levels) or not name.isprintable():
            self._place.add(("name",), name, "a name without +, #, braces and empty levels")
        elif self._format == "sparkplug_b" and len(levels) not in (2, 3):
            self._place.add(("name",), name, "group/node or group/node/device, as on its topics")
        return name

    def _is_known(self, key: str, command: str, parameter: str) -> bool:
        names = [name.value for name in CommandName]
        if command not in names or (parameter and command != CommandName.SET_PARAMETER):
            expected = f"a command, {one_of(names)}, or set_parameter.NAME{closest(command, names)}"
            self._place.add(("write", key), Shown(repr(key)), expected)
            return False
        if command == CommandName.SET_PARAMETER and (parameter or not self._parameters):
            known = list(self._parameters)
            if parameter not in known:
                expected = f"a set-point under parameters, {one_of(known)}{closest(parameter, known)}"
                self._place.add(("write", key), Shown(repr(key)), expected)
                return False
        return True

    def _order(self, key: str, command: str, parameter: str, part: Tree) -> OrderSpec:
        payload = fill(part.get("payload"), self._values)
        is_sparkplug, datatype = self._format == "sparkplug_b", part.get("datatype", "Double")
        whole = is_sparkplug and DATATYPES[datatype][1] is not None
        if "payload" not in part:
            self._place.add(("write", key, "payload"), None, "what is published, a mapping or a text")
        if self._format == "text" and not isinstance(payload, str):
            self._place.add(("write", key, "payload"), payload, "a text in quotes, since format is text")
            payload = str(payload)
        if is_sparkplug:
            self._check_metric(key, part)
        order = OrderSpec(
            topic=self._topic(key, part),
            payload=payload,
            format=self._format,
            qos=int(self._given.get("qos", 1) if part.get("qos") is None else part["qos"]),
            scale=part.get("scale", 1.0),
            offset=part.get("offset", 0.0),
            decimals=part.get("decimals", 0 if whole else None),
            metric=part.get("metric", "") if is_sparkplug else "",
            datatype=datatype if is_sparkplug else "",
            alias=part.get("alias") if is_sparkplug else None,
            answer=self._answer(key, part, payload),
        )
        self._check_words(key, command, parameter, order)
        self._try(key, command, parameter, order)
        return order

    # --- where --------------------------------------------------------------------------------

    def _topic(self, key: str, part: Tree) -> str:
        if self._format == "sparkplug_b":
            if "topic" in self._given or "topic" in part:
                self._place.add(("topic",), self._given.get("topic") or part.get("topic"), "none: it follows from name")
            group, node, *device = [*self._values["name"].split("/"), ""][:3]
            return "/".join(("spBv1.0", group, f"{'D' if any(device) else 'N'}CMD", node, *filter(None, device)))
        where = ("write", key, "topic") if part.get("topic") else ("topic",)
        text = str(part.get("topic") or self._given.get("topic") or "")
        return self._checked(where, text, {"parameter"} if key == CommandName.SET_PARAMETER else set())

    def _checked(self, where: tuple[str, ...], text: str, more: set[str]) -> str:
        """Return a topic with the machine's name in it, one that nothing of AegisFlow's own can be taken for."""
        unknown = placeholders(text) - _MACHINE - more
        topic = str(fill(text, self._values)) if text else ""
        plain = str(fill(topic, dict.fromkeys(more, "x")))
        legal = plain and plain.isprintable() and len(plain) <= _MAX_TOPIC and not set(plain) & set("+#{}")
        if not legal or unknown or plain.startswith("$"):
            known = ", ".join(f"{{{name}}}" for name in (*sorted(_MACHINE), *sorted(more)))
            self._place.add(
                where, text or None, f"a topic such as zigbee2mqtt/{{name}}/set, with {known} and no + or #"
            )
            return "unknown"
        for own, template in self._rules.topics:
            if may_coincide(plain, template):
                expected = f"a topic that cannot be taken for one of broker.topics.{own}, {template}"
                self._place.add(where, text, expected)
        return topic

    # --- what ---------------------------------------------------------------------------------

    def _check_metric(self, key: str, part: Tree) -> None:
        metric = part.get("metric", "")
        if not metric:
            self._place.add(("write", key, "metric"), None, "the metric that is written, such as Outputs/Speed")
        elif metric in _REBIRTHS:
            expected = "another metric; rebirths are asked for by AegisFlow itself, and are no command to a machine"
            self._place.add(("write", key, "metric"), metric, expected)

    def _check_words(self, key: str, command: str, parameter: str, order: OrderSpec) -> None:
        """Each placeholder must mean something, and a number must reach the machine."""
        mine = _OF.get(command, frozenset())
        used = placeholders(order.payload) | placeholders(order.topic)
        allowed = mine | (frozenset() if order.format == "sparkplug_b" else _ALWAYS)
        if unknown := sorted(placeholders(order.payload) - allowed):
            known = ", ".join(f"{{{name}}}" for name in sorted(allowed | _MACHINE))
            self._place.add(("write", key, "payload"), f"{{{unknown[0]}}}", f"what {command} can say: {known}")
        numbers = sorted(mine & _NUMBERS)
        if numbers and not used & set(numbers):
            wanted = " or ".join(f"{{{name}}}" for name in numbers)
            self._place.add(("write", key, "payload"), Shown(f"no {wanted}"), f"{wanted}, or it is not told how far")
        several = command == CommandName.SET_PARAMETER and not parameter and len(self._parameters) > 1
        if several and "parameter" not in used:
            expected = (
                "{parameter} in topic or payload, or set_parameter.NAME for each, since it has several set-points"
            )
            self._place.add(("write", key), Shown("one template for all set-points"), expected)
        if order.scale == 0:
            self._place.add(("write", key, "scale"), 0, "a number other than 0")

    def _try(self, key: str, command: str, parameter: str, order: OrderSpec) -> None:
        """Write the command at both ends of what it can be: what does not fit is a mistake now."""
        if self._place.any_in("write", key):
            return
        writing = WritingSpec({key: order})
        for parameters in self._ends(command, parameter):
            try:
                writing.write("cmd-0123456789ab", command, parameters)
            except (BadValueError, ValueError, TypeError) as error:
                said = ", ".join(f"{name} {value}" for name, value in parameters.items()) or command
                self._place.add(
                    ("write", key, "payload"), Shown(f"with {said}: {error}"), "values that the machine takes"
                )

    def _ends(self, command: str, parameter: str) -> Iterable[dict[str, str | float]]:
        if command == CommandName.REDUCE_LOAD:
            return [{"reduction_pct": float(end)} for end in (REDUCTION_PCT.low, REDUCTION_PCT.high) if end is not None]
        if command == CommandName.SET_PARAMETER:
            specs = [spec for name, spec in self._parameters.items() if parameter in ("", name)]
            return [
                {"name": spec.name, "value": float(end)}
                for spec in specs
                for end in (spec.limits.low, spec.limits.high)
                if end is not None
            ]
        return [{}]

    # --- and the answer -----------------------------------------------------------------------

    def _answer(self, key: str, part: Tree, payload: object) -> AnswerSpec | None:
        own = part.get("answer", {})
        said = {} if own.get("none") else {**self._given.get("answer", {}), **own}
        if not said or (said.get("none") and not own):
            return None
        if self._format == "sparkplug_b":
            expected = "none: a Sparkplug machine answers by its data, and readings prove a command"
            self._place.add(("answer",), Shown("an answer"), expected)
            return None
        where = ("write", key, "answer") if own else ("answer",)
        if said.get("command_id") and "command_id" not in placeholders(payload):
            expected = "{command_id} in it, since its answer must echo that"
            self._place.add(("write", key, "payload"), Shown("no {command_id}"), expected)
        if not any(said.get(name) for name in ("accepted", "done")):
            expected = "at least one of accepted and done, by key of this command or for all"
            self._place.add(where, Shown("no words for a command that was taken"), expected)
        topic_at = (*where, "topic") if own.get("topic") or not own else ("answer", "topic")
        return AnswerSpec(
            topic=self._checked(topic_at, str(said.get("topic") or ""), set()),
            format=said.get("format", "json"),
            command_id=tuple(said.get("command_id", ())),
            result=tuple(said.get("result", ())) or (".",),
            accepted=self._words(said.get("accepted", ())),
            refused=self._words(said.get("refused", ())),
            done=self._words(said.get("done", ())),
            detail=tuple(said.get("detail", ())),
            value=tuple(said.get("value", ())),
        )

    def _words(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(word if word == ANYTHING else str(fill(word, self._values)) for word in words)

    def _check_answers(self, spec: WritingSpec) -> None:
        """What is written must not be heard as an answer, nor the other way round."""
        written = spec.topics(tuple(self._parameters))
        for order in spec.orders.values():
            if order.answer is not None and order.answer.topic in written and order.answer.topic != "unknown":
                expected = "another topic than that of its commands, or a command would be heard as its own answer"
                self._place.add(("answer", "topic"), order.answer.topic, expected)
