"""All messages that were seen, sorted into what they mean."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.formats import FORMATS, decode_json
from aegisflow.config.paths import join_path
from aegisflow.config.presets import PRESETS
from aegisflow.discovery import Found
from aegisflow.discovery.clusters import clusters_of
from aegisflow.discovery.draft import NOTHING_TAKEN, Draft, Sender, Taken, free_name, our_name, sensor_name
from aegisflow.discovery.presets import OWN, spot
from aegisflow.discovery.profile import DeviceProfile
from aegisflow.discovery.sparkplug import SparkplugEar, is_sparkplug
from aegisflow.errors import PayloadError, printable

__all__ = ["BrokerSurvey"]

MAX_MESSAGES = 200_000
"""Kept to be looked at together; what comes later is counted."""
MAX_BYTES = 256_000_000
_SAMPLE = 60
_SPARKPLUG = "sparkplug_b"


class BrokerSurvey:
    """Takes in messages, and says at the end what a plant file for them looks like."""

    def __init__(self) -> None:
        self.messages: list[CapturedMessage] = []
        self.count = 0
        self.passed_over: Counter[str] = Counter()
        """Why messages mean nothing to a plant, to how many there were."""
        self.samples: dict[str, str] = {}
        """One of each, with its topic."""
        self._bytes = 0
        self._names: dict[tuple[str, str], str] = {}
        """Source and path to the name of a sensor."""

    def add(self, message: CapturedMessage) -> None:
        """Take in one message."""
        self.count += 1
        if len(self.messages) < MAX_MESSAGES and self._bytes < MAX_BYTES:
            self.messages.append(message)
            self._bytes += len(message.payload) + len(message.topic)

    def draft(self, taken: Taken = NOTHING_TAKEN) -> Draft:
        """Return what was seen as sections of a plant file.

        Args:
            taken: names that an existing file has already.
        """
        devices: dict[str, DeviceProfile] = {}
        senders: dict[str, Sender] = {}
        others: list[tuple[CapturedMessage, Any]] = []
        ear = SparkplugEar()
        for message in self.messages:
            if is_sparkplug(message):
                senders.setdefault(_SPARKPLUG, Sender({"preset": _SPARKPLUG}))
                self._note(devices, _SPARKPLUG, message, ear.listen(message))
                continue
            said = _json(message)
            spotted = spot(message, said)
            if spotted is None:
                self._sort(message, said, others)
                continue
            settings: dict[str, Any] = {} if spotted.preset == OWN else {"preset": spotted.preset}
            source = spotted.preset
            if spotted.tag:
                source, settings["device"] = f"{source}-{our_name(spotted.tag)}", {"path": f"tags.{spotted.tag}"}
            senders.setdefault(source, Sender(settings))
            self._note(devices, source, message, spotted.found)
        for cluster in clusters_of(others):
            source = _source_name(str(cluster.settings["topic"]), senders)
            senders[source] = Sender(cluster.settings, cluster.doubts)
            for message, found in cluster.found:
                self._note(devices, source, message, found)
        # A device that never said a number or a state is none; nor is a source without any device.
        watched = {name: device for name, device in devices.items() if device.watched() and name not in taken.devices}
        used = {source for device in watched.values() for source in device.senders}
        return Draft(watched, {name: sender for name, sender in senders.items() if name in used}, taken)

    def _note(
        self, devices: dict[str, DeviceProfile], source: str, message: CapturedMessage, found: Iterable[Found]
    ) -> None:
        by_device: dict[str, list[Found]] = {}
        for one in found:
            if one.device:
                by_device.setdefault(our_name(one.device), []).append(self._named(source, one))
        if not by_device:
            nameless = source == _SPARKPLUG and "DATA/" in message.topic
            self._pass_over("Sparkplug data before a birth: --ask-births" if nameless else "no value in it", message)
        for name, values in by_device.items():
            devices.setdefault(name, DeviceProfile()).add(source, message.at, tuple(values))

    def _named(self, source: str, one: Found) -> Found:
        """Return a value with a name that plant.yaml can have and that no other of the source has."""
        where = one.path or one.sensor
        name = self._names.get((source, where))
        if name is None:
            taken = {other for (of, _), other in self._names.items() if of == source}
            name = self._names[source, where] = free_name(sensor_name(one.sensor), taken)
        return one if name == one.sensor else one._replace(sensor=name, path=one.path or join_path("", one.sensor))

    def _sort(self, message: CapturedMessage, said: Any, others: list[tuple[CapturedMessage, Any]]) -> None:
        """Keep a message that no preset reads, if it can mean something."""
        if message.retained:
            self._pass_over("retained: old news", message)
        elif not message.payload:
            self._pass_over("empty", message)
        elif isinstance(said, dict | list):
            others.append((message, said))
        else:
            try:
                others.append((message, FORMATS["value"](message.payload, message.at)))
            except PayloadError:
                self._pass_over("neither JSON nor text", message)

    def _pass_over(self, why: str, message: CapturedMessage) -> None:
        self.passed_over[why] += 1
        payload = message.payload[:_SAMPLE].decode("utf-8", "replace")
        self.samples.setdefault(why, printable(f"{message.topic} {payload}", 2 * _SAMPLE))


def _json(message: CapturedMessage) -> Any:
    """Return what a payload says as JSON object or list; None for any other."""
    if message.payload[:1] not in (b"{", b"["):
        return None
    try:
        return decode_json(message.payload)
    except PayloadError:
        return None


def _source_name(topic: str, taken: Iterable[str]) -> str:
    """Return a name for a source by the levels of its topic that are words."""
    levels = [level for level in topic.split("/") if level and not set(level) & set("{}+#")]
    base = our_name("-".join(levels[:2])) if levels else "messages"
    names = {*taken, *PRESETS}
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in names)
