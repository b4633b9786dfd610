"""What a command would come to on the wire, in words: for ``aegisflow check --command``. Nothing is published."""

from collections.abc import Iterator, Mapping, Sequence

from aegisflow.bus.codec import Codec
from aegisflow.bus.written import encode_written
from aegisflow.config import Configuration
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Command, CommandName
from aegisflow.domain.commands.validation import check_proposal
from aegisflow.domain.commands.writing import OrderSpec, WritingSpec
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["rehearse"]

_ID = "cmd-0123456789ab"


def rehearse(configuration: Configuration, words: Sequence[str], at: float) -> tuple[list[str], bool]:
    """Return what would be published, a line each, and whether the machine can be told at all.

    Args:
        configuration: the plant.
        words: device, command and its parameters, each as ``name=value``.
        at: UTC epoch seconds at which it would be published.

    Raises:
        UnknownNameError: the plant has no such device, command or set-point.
        BadValueError: a parameter is missing, not asked for or out of bounds.
    """
    device_id, name, *given = [*words, "", ""][: max(2, len(words))]
    devices = configuration.plant.devices
    if device_id not in devices:
        raise UnknownNameError("device", device_id, tuple(devices))
    if name not in list(CommandName):
        raise UnknownNameError("command", name, tuple(CommandName))
    device = devices[device_id]
    parameters = check_proposal(CommandName(name), dict(_pairs(given)), device)
    if device.watched_only:
        return ["denied   the machine is only watched (commands: none)"], False
    expires_at = at + configuration.plant.policy.send_within_s
    if device.writing is not None:
        return _written(device.writing, device, name, parameters, (at, expires_at))
    caller = Caller("check", CallerKind.OPERATOR)
    command = Command(_ID, device_id, CommandName(name), parameters, caller, "", at)
    topic, payload = Codec(configuration.broker.topics, devices).encode_command(
        command, issued_at=at, expires_at=expires_at
    )
    mac = ["mac      and nonce beside that, by broker.hmac_env"] if configuration.broker.hmac_env else []
    return [f"publish  {topic}, QoS 1, not retained", f"payload  {payload.decode()}", *mac], True


def _pairs(given: Sequence[str]) -> Iterator[tuple[str, str | float]]:
    for word in given:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadValueError("parameters", word, "name=value, such as reduction_pct=30")
        try:
            yield name, float(value)
        except ValueError:
            yield name, value


def _written(
    writing: WritingSpec,
    device: DeviceSpec,
    name: str,
    parameters: Mapping[str, str | float],
    times: tuple[float, float],
) -> tuple[list[str], bool]:
    why = writing.objection(_ID, name, parameters)
    order = writing.order(name, parameters)
    if why or order is None:
        return [f"denied   {why}"], False
    written = writing.write(_ID, name, parameters)
    lines = [f"publish  {written.topic}, QoS {written.qos}, not retained"]
    if written.format == "sparkplug_b":
        lines += [f"payload  protobuf, {written.payload}", f"         {encode_written(written, *times).hex()}"]
    else:
        lines.append(f"payload  {written.text(*times)}")
    expiry = "in its payload" if written.knows_expiry else "the machine cannot know it: none is sent while it is silent"
    others = "may write there, too" if writing.others else "whatever they write there is an alarm"
    return [*lines, f"expiry   {expiry}", f"answer   {_answer(order)}", f"others   {others}"], True


def _answer(order: OrderSpec) -> str:
    if order.answer is None:
        return "none: readings alone can prove it"
    one = order.answer
    lists = (("accepted", one.accepted), ("refused", one.refused), ("done", one.done))
    told = ", ".join(f"{name} {' '.join(repr(word) for word in words)}" for name, words in lists if words)
    by = "by the command's id" if one.command_id else "it names no command"
    return f"{one.topic} at {' or '.join(one.result)}: {told}; {by}"
