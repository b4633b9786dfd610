"""The codec: the one place that knows the topics and payloads that AegisFlow and machines exchange.

======================= =========================================================
reading                 ``aegisflow/sensors/{device_id}``, a JSON object:
                        ``{"timestamp": "2026-01-31T08:00:00Z", "device_id":
                        "pump-02", "pressure": 31.2, "temperature": null}``
command                 ``aegisflow/commands/{device_id}``, a JSON object:
                        command_id, device_id, command, parameters, issued_at,
                        expires_at; nonce and mac where a key is configured
answer to a command     ``aegisflow/acks/{device_id}``, a JSON object: command_id,
                        device_id, result (accepted, refused, done; unknown when
                        asked about what never came), detail, at, mode,
                        parameters (its set-points, name to number); nonce, as
                        it came with what is answered, and mac
question to a machine   as a command, with command ``report_state``: the machine
                        answers for the command_id and changes nothing
======================= =========================================================

A sensor that is absent or null did not report; keys that name no sensor of the device are skipped
without being kept. A bad value is refused by itself, with its reason, and its neighbours are taken: one
instrument that fails is no reason not to watch the others. A reading may therefore carry no value at
all, only what was refused: its device reports, but says nothing of itself.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from aegisflow.bus import BusMessage
from aegisflow.bus.reading_schema import ReadingSchema
from aegisflow.bus.signature import is_signed, sign
from aegisflow.bus.signed_readings import ReadingSignatures
from aegisflow.bus.topics import Template
from aegisflow.config.services import Topics
from aegisflow.domain.commands.execution import NO_COMMAND, Ack
from aegisflow.domain.commands.model import Command, Mode
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading, RefusedValue
from aegisflow.domain.times import format_instant, parse_instant
from aegisflow.errors import PayloadError, printable

__all__ = ["REASONS", "Codec"]

REASONS: Mapping[str, str] = {
    "bad_topic": "the topic fits no template of plant.yaml",
    "unknown_device": "the topic names a device that the plant does not have",
    "device_mismatch": "topic and payload name different devices",
    "retained": "a retained message: old news, delivered again at each subscribe",
    "payload_too_large": "more bytes than gateway.max_payload_bytes",
    "no_birth": "a metric by an alias that no birth of its edge node has told (Sparkplug B)",
    "bad_payload": "not in the format that its source says",
    "binary": "bytes that are no text, such as CBOR, MessagePack, an image, or compressed: no source reads them",
    "not_json": "not one JSON object in UTF-8, or nested too deep",
    "wrong_type": "a field has a type or a value that is not allowed",
    "no_known_sensor": "not one sensor of the device has a value",
    "bad_timestamp": "timestamp is missing or not ISO 8601",
    "too_old": "the timestamp lies further back from the newest of the stream than clock.max_age",
    "too_new": "the timestamp lies further ahead of the newest of the stream than clock.max_ahead",
    "bad_signature": "an answer to a command that is not signed with our key, or a reading with another's mac",
    "unsigned": "a reading without mac, of a device that plant.yaml has sign",
    "replayed": "a signed reading dated minutes before the newest of its device",
    "bad_nonce": "a signed answer without the nonce of the command or question that it answers",
    "stray_answer": "an answer to no command of this device, or to a question that nobody asked",
    "foreign_command": "a command to a machine that AegisFlow did not send",
    "stale_answer": "an answer dated before what it answers, or ahead of now",
}
"""Every reason to refuse a message. The set is fixed, so a reason is safe as a label of a metric."""

_as_dict = msgspec.structs.asdict
_new = tuple.__new__
_MAX_DETAIL = 500
_UNSIGNED = 'expected "mac" as the last member, made with the key of the device'


# Nothing in it can be part of a cycle, so the garbage collector need not look at it (gc=False).
class _AckFields(msgspec.Struct, frozen=True, gc=False):
    command_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    result: Literal["accepted", "refused", "done", "unknown", "interrupted"]
    at: Annotated[str, msgspec.Meta(max_length=64)]
    device_id: str
    nonce: Annotated[str, msgspec.Meta(max_length=64)] = ""
    parameters: Annotated[dict[str, float], msgspec.Meta(max_length=64)] = {}
    detail: Annotated[str, msgspec.Meta(max_length=_MAX_DETAIL)] = ""
    mode: Literal["normal", "reduced_load", "maintenance", "shutdown"] | None = None


class _Device(NamedTuple):
    device_id: str
    schema: ReadingSchema
    must_sign: bool


class Codec:
    """Encodes and decodes the messages of one plant.

    It has one parser per distinct set of sensors and spans, and remembers nothing of what it refuses.
    A changed plant needs a new codec. Only one thread may use it at a time.

    Args:
        topics: the topic templates of plant.yaml.
        devices: the devices of the plant, by id.
        max_payload_bytes: larger payloads are refused.
        key: signs commands and verifies answers; empty for no signatures.
        signatures: check those of readings; None where the plant has no key for them.
    """

    def __init__(
        self,
        topics: Topics,
        devices: Mapping[str, DeviceSpec],
        *,
        max_payload_bytes: int = 65_535,
        key: bytes = b"",
        signatures: ReadingSignatures | None = None,
    ) -> None:
        self._key = key
        self._signatures = signatures
        self._sensors = Template(topics.sensors)
        self._commands = Template(topics.commands)
        self._acks = Template(topics.acks)
        self._max_payload_bytes = max_payload_bytes
        schemas: dict[object, ReadingSchema] = {}
        self._by_topic: dict[str, _Device] = {}
        for device_id, spec in devices.items():
            fields = tuple((name, sensor.unit, sensor.span) for name, sensor in spec.sensors.items())
            schema = schemas.get(fields)
            if schema is None:
                schema = schemas[fields] = ReadingSchema(spec.sensors)
            self._by_topic[self._sensors.topic(device_id)] = _Device(device_id, schema, spec.signed)
        self._devices = devices
        self._decode_ack = msgspec.json.Decoder(_AckFields).decode
        self._last_instant = ("1970-01-01T00:00:00Z", 0.0)

    def sensor_filter(self) -> str:
        """Return the MQTT topic filter that matches the readings of every device."""
        return self._sensors.filter

    def ack_filter(self) -> str:
        """Return the MQTT topic filter that matches the answers of every device."""
        return self._acks.filter

    def command_filter(self) -> str:
        """Return the MQTT topic filter that matches the commands to every machine: nobody but us may publish there."""
        return self._commands.filter

    def commanded(self, topic: str) -> str | None:
        """Return whom a topic of commands is for; None for another topic."""
        return self._commands.level(topic)

    def foreign_command(self, message: BusMessage) -> PayloadError:
        """Return in words what a command says that somebody else has sent."""
        try:
            said = msgspec.json.decode(message.payload)
            told = ", ".join(f"{name} {said.get(name)!r}" for name in ("command", "parameters", "command_id"))
        except (ValueError, AttributeError, RecursionError):
            told = f"{len(message.payload)} bytes that are no JSON object"
        retained = ", and it is retained" if message.retain else ""
        return PayloadError("foreign_command", printable(f"{told}{retained}", _MAX_DETAIL))

    def ack_topic(self, device_id: str) -> str:
        """Return the topic on which a device answers."""
        return self._acks.topic(device_id)

    def is_ack(self, topic: str) -> bool:
        """Return whether this is a topic of answers to commands."""
        return self._acks.level(topic) is not None

    def device_of(self, topic: str) -> str | None:
        """Return the device that a topic names, or None if the plant has no such device."""
        device = self._by_topic.get(topic)
        if device is not None:
            return device.device_id
        for template in (self._acks, self._commands):
            level = template.level(topic)
            if level in self._devices:
                return level
        return None

    def decode_reading(self, message: BusMessage, received_at: float) -> Reading:
        """Return the reading that a message carries.

        Args:
            message: a message on a topic that ``sensor_filter`` matches.
            received_at: UTC epoch seconds by the plant's clock.

        Raises:
            PayloadError: the message is refused; the reason is one of ``REASONS``.
        """
        topic, payload, retain, receipt = message
        # One look-up of the whole topic says that it fits the template and whose it is.
        device = self._by_topic.get(topic)
        if device is None:
            raise self._stranger(self._sensors, topic)
        if retain or len(payload) > self._max_payload_bytes:
            raise self._unwanted(message)
        device_id, schema, must_sign = device
        # Before anything of it is believed, its stamp included.
        signed = must_sign or self._signatures is not None
        if signed:
            signed = self._check_signature(device, payload)
        refused: tuple[RefusedValue, ...] = ()
        try:
            values = _as_dict(schema.decode(payload))
            named, stamp = values.pop("device_id"), values.pop("timestamp")
            if schema.names is not None:
                values = {schema.names[field]: value for field, value in values.items()}
            # Copied only for a message that has a null, which most have not.
            if None in values.values():
                values = {name: value for name, value in values.items() if value is not None}
            if schema.has_markers:
                refused = schema.markers(values)
        # msgspec's errors are ValueErrors; the other is raised by a payload that is nested too deep.
        except (ValueError, RecursionError) as error:
            stamp, named, values, refused = schema.salvage(payload, error)
        at = self._instant(stamp)
        if named is not None and named != device_id:
            raise PayloadError("device_mismatch", f"topic {topic!r}, but device_id {named[:60]!r}")
        if not values and not refused:
            expected = ", ".join(schema.sensors)
            raise PayloadError("no_known_sensor", f"expected a number for at least one of {expected}")
        if signed and self._signatures is not None:
            self._signatures.admit(device_id, at, received_at)
        # Half of what Reading(...) costs, at each message.
        reading: Reading = _new(Reading, (device_id, at, values, received_at, receipt, refused, None, signed))
        return reading

    def _check_signature(self, device: _Device, payload: bytes) -> bool:
        signatures = self._signatures
        signed = signatures is not None and signatures.is_signed(device.device_id, payload)
        if device.must_sign and not signed:
            raise PayloadError("unsigned", _UNSIGNED)
        return signed

    def stamped_up_to(self, device_id: str, stamp: float) -> None:
        """Take note of the newest stamp that the store has of a device that signs: what is older is a recording."""
        if self._signatures is not None:
            self._signatures.know(device_id, stamp)

    def encode_command(self, command: Command, *, issued_at: float, expires_at: float) -> tuple[str, bytes]:
        """Return topic and payload of a command."""
        content = {
            "command_id": command.command_id,
            "device_id": command.device_id,
            "command": command.command.value,
            "parameters": dict(command.parameters),
            "issued_at": format_instant(issued_at),
            "expires_at": format_instant(expires_at),
        }
        if command.traceparent:
            content["traceparent"] = command.traceparent  # also where MQTT 3.1.1 has no room for it
        if self._key:
            content["nonce"] = self.nonce_of(command.device_id, command.command_id)
        return self._commands.topic(command.device_id), self._signed(content)

    @property
    def signs(self) -> bool:
        """Whether messages are signed, so that answers carry a nonce."""
        return bool(self._key)

    def nonce_of(self, device_id: str, command_id: str) -> str:
        """Return what the answers to a command must repeat: unknown before it is sent, and the same after a restart."""
        text = f"nonce\n{device_id}\n{command_id}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]

    def encode_question(self, device_id: str, command_id: str, at: float, nonce: str = "") -> tuple[str, bytes]:
        """Return topic and payload of a question: what became of a command, and which mode the machine is in."""
        content = {
            "command_id": command_id or NO_COMMAND,
            "device_id": device_id,
            "command": "report_state",
            "issued_at": format_instant(at),
            "expires_at": format_instant(at + 10),
        }
        if nonce:
            content["nonce"] = nonce
        return self._commands.topic(device_id), self._signed(content)

    def _signed(self, content: dict[str, Any]) -> bytes:
        return msgspec.json.encode(sign(content, self._key) if self._key else content)

    def decode_ack(self, message: BusMessage) -> Ack:
        """Return a machine's answer to a command.

        Raises:
            PayloadError: the message is refused; the reason is one of ``REASONS``.
        """
        device_id = self._acks.level(message.topic)
        if device_id is None or device_id not in self._devices:
            raise self._stranger(self._acks, message.topic)
        if message.retain or len(message.payload) > self._max_payload_bytes:
            raise self._unwanted(message)
        try:
            fields = self._decode_ack(message.payload)
        except msgspec.ValidationError as error:
            raise PayloadError("wrong_type", str(error)) from None
        except (ValueError, RecursionError) as error:
            raise PayloadError("not_json", str(error)) from None
        if fields.device_id != device_id:
            raise PayloadError("device_mismatch", f"topic {message.topic!r}, but device_id {fields.device_id[:60]!r}")
        # Last, for it parses the payload a second time.
        if self._key and not is_signed(message.payload, self._key):
            raise PayloadError("bad_signature", "expected a mac made with the key that broker.hmac_env names")
        mode = None if fields.mode is None else Mode(fields.mode)
        detail = printable(fields.detail, _MAX_DETAIL)
        return Ack(
            fields.command_id,
            device_id,
            fields.result,
            detail,
            self._instant(fields.at),
            mode,
            fields.nonce,
            fields.parameters,
            self.signs,
        )

    def _instant(self, text: str) -> float:
        """Parse a timestamp, unless it is the same text as the one before: machines that report together repeat it."""
        known, at = self._last_instant
        if text == known:
            return at
        try:
            at = parse_instant(text)
        except ValueError:
            found = f"found {text[:40]!r}, " if text else ""
            raise PayloadError("bad_timestamp", f"{found}expected ISO 8601 such as 2026-01-31T08:00:00Z") from None
        self._last_instant = (text, at)
        return at

    def _stranger(self, template: Template, topic: str) -> PayloadError:
        level = template.level(topic)
        if level is None:
            return PayloadError("bad_topic", f"{topic[:100]!r} does not match {template.filter!r}")
        return PayloadError("unknown_device", f"{level[:60]!r} is no device of the plant")

    def _unwanted(self, message: BusMessage) -> PayloadError:
        if message.retain:
            return PayloadError("retained", "machines must publish without the retain flag")
        size = len(message.payload)
        return PayloadError("payload_too_large", f"at least {size} bytes, expected at most {self._max_payload_bytes}")
