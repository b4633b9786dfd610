"""The wire of machines that are told by a template of ``plant.yaml``: what goes to them, and what is heard there."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from aegisflow.bus import BusMessage
from aegisflow.bus.sources.access import Getter, getter
from aegisflow.bus.sources.formats import FORMATS
from aegisflow.domain.commands.writing import DATATYPES, AnswerSpec, MachineSaid, WrittenCommand
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.errors import PayloadError, printable

__all__ = ["WrittenWire", "encode_written", "metric_of"]

_MAX_SAID = 300
"""Letters of what a machine or somebody else says that are kept."""


class _Answer(NamedTuple):
    """How the answers of one machine are taken apart."""

    device_id: str
    spec: AnswerSpec
    parse: Any
    command_id: Getter | None
    result: Getter
    detail: Getter | None
    value: Getter | None


class WrittenWire:
    """The topics of all machines that are told by templates. A changed plant needs a new one.

    Args:
        devices: the devices of the plant, by id.
        max_payload_bytes: an answer that is larger is none.
    """

    def __init__(self, devices: Mapping[str, DeviceSpec], max_payload_bytes: int = 65_535) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._devices = devices
        commanded: dict[str, list[str]] = {}
        self._answers: dict[str, list[_Answer]] = {}
        for device_id, spec in devices.items():
            if spec.writing is None or spec.watched_only:
                continue
            for topic in spec.writing.topics(tuple(spec.parameters)):
                commanded.setdefault(topic, []).append(device_id)
            answers = [order.answer for order in spec.writing.orders.values() if order.answer is not None]
            for answer in {answer.where: answer for answer in answers}.values():
                self._hear(device_id, answer)
        self.commanded: Mapping[str, tuple[str, ...]] = {topic: tuple(names) for topic, names in commanded.items()}
        """Topic on which machines are commanded to whom it reaches."""

    def __bool__(self) -> bool:
        """Return whether there is any such machine."""
        return bool(self.commanded)

    def _hear(self, device_id: str, answer: AnswerSpec) -> None:
        known = self._answers.setdefault(answer.topic, [])
        made = _Answer(
            device_id,
            answer,
            FORMATS[answer.format],
            getter(answer.command_id) if answer.command_id else None,
            getter(answer.result),
            getter(answer.detail) if answer.detail else None,
            getter(answer.value) if answer.value else None,
        )
        known.append(made)

    def filters(self) -> tuple[str, ...]:
        """Return the topics to listen to, each as a filter: those of commands, and those of answers."""
        return tuple(dict.fromkeys((*self.commanded, *self._answers)))

    def concerns(self, topic: str) -> bool:
        """Return whether something on this topic may be a command or an answer."""
        return topic in self.commanded or topic in self._answers

    def others_may(self, topic: str) -> bool:
        """Return whether somebody else may write there, for every machine that it reaches."""
        specs = [self._devices[name].writing for name in self.commanded.get(topic, ())]
        return all(spec is not None and spec.others for spec in specs)

    def said(self, message: BusMessage) -> tuple[MachineSaid, ...]:
        """Return what may be an answer in a message; nothing where it is retained, and so old news, or no answer."""
        if message.retain or len(message.payload) > self._max_payload_bytes:
            return ()
        found = []
        for one in self._answers.get(message.topic, ()):
            try:
                record = one.parse(message.payload, 0.0)
            except PayloadError:
                continue
            result = one.result(record)
            if result is None or isinstance(result, dict | list):
                continue
            command_id, detail = ("" if look is None else _text(look(record)) for look in (one.command_id, one.detail))
            value = None if one.value is None else one.value(record)
            found.append(MachineSaid(one.device_id, command_id, result, detail, value, one.spec.where))
        return tuple(found)

    def foreign(self, message: BusMessage) -> PayloadError | None:
        """Return in words what a command says that somebody else has written; None where it moves no machine."""
        said = printable(message.payload[:_MAX_SAID].decode(errors="replace"), _MAX_SAID)
        if message.topic.startswith("spBv1.0/"):
            from aegisflow.bus.sparkplug.command import is_rebirth, told

            if is_rebirth(message.payload):
                return None
            said = printable(told(message.payload), _MAX_SAID)
        retained = ", and it is retained" if message.retain else ""
        return PayloadError("foreign_command", f"{printable(message.topic, 120)}: {said}{retained}")


def encode_written(written: WrittenCommand, issued_at: float, expires_at: float) -> bytes:
    """Return the bytes of a command as it is sent at ``issued_at``, good until ``expires_at``, UTC epoch seconds."""
    if written.format != "sparkplug_b":
        return written.text(issued_at, expires_at).encode()
    from aegisflow.bus.sparkplug.command import encode_write

    return encode_write(json.loads(written.payload), issued_at)


def metric_of(written: WrittenCommand) -> tuple[str, int | None, int] | None:
    """Return name, alias and number of the data type of the metric that a command writes; None for another format."""
    if written.format != "sparkplug_b":
        return None
    said = json.loads(written.payload)
    return said["metric"], said["alias"], DATATYPES[said["datatype"]][0]


def _text(value: object) -> str:
    return "" if value is None else printable(str(value), _MAX_SAID)
