"""All messages that were seen, sorted into what they mean."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aegisflow.bus.binary import binary_kind
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.formats import FORMATS, decode_json
from aegisflow.bus.sources.places import places
from aegisflow.bus.sources.recognise import recognise
from aegisflow.config.paths import parse_topic
from aegisflow.config.presets import PRESETS, preset
from aegisflow.discovery import Found
from aegisflow.discovery.clusters import LIKE_OURS, Progress, can_be_named, clusters_of, may_be_ours
from aegisflow.discovery.draft import NOTHING_TAKEN, Draft, Sender, Taken, free_name, our_name
from aegisflow.discovery.homeassistant import PRESET as ANNOUNCED
from aegisflow.discovery.homeassistant import HomeAssistantEar, values
from aegisflow.discovery.lines import LineForm, line_form, records_in
from aegisflow.discovery.metrics import MetricSurvey
from aegisflow.discovery.naming import Names, Note
from aegisflow.discovery.presets import OWN, Elsewhere, Spotted, Tagged, read, spot
from aegisflow.discovery.profile import DeviceProfile
from aegisflow.discovery.records import LIST_OF
from aegisflow.discovery.rivals import beside_presets, told_apart
from aegisflow.discovery.sparkplug import SparkplugEar, is_sparkplug
from aegisflow.discovery.topics import Cluster
from aegisflow.errors import PayloadError, printable

__all__ = ["BROKEN", "BrokerSurvey"]

MAX_MESSAGES = 200_000
"""Kept to be looked at together; what comes later is counted."""
MAX_BYTES = 256_000_000
_SORTED, _CLUSTERED = 0.1, 0.65
"""Shares of the work that are done once messages are sorted, and once they are clustered."""
_TOLD_EVERY = 500
"""Messages after which the progress is told again."""
_SAMPLE = 60
_SPARKPLUG = "sparkplug_b"
BROKEN = "broken line"
_UNKNOWN_TEXT = "text that is no number and no word that comes again"
_UNCHANGED = "nothing in it has changed"

Heard = list[tuple[CapturedMessage, Any]]
"""Messages with their payload as JSON; None for one that is none."""


class BrokerSurvey:
    """Takes in messages, and says at the end what a plant file for them looks like."""

    def __init__(self) -> None:
        self.messages: list[CapturedMessage] = []
        self.count = 0
        self.broken = 0
        """Lines of a capture that are no messages."""
        self.topics: set[str] = set()
        self.passed_over: Counter[str] = Counter()
        """Why messages mean nothing to a plant, to how many there were."""
        self.samples: dict[str, str] = {}
        """One of each, with its topic."""
        self.senders: dict[str, Sender] = {}
        """Sources of the last draft, those as well that have no device worth watching."""
        self._bytes = 0

    def add(self, message: CapturedMessage) -> None:
        """Take in one message."""
        self.count += 1
        if len(self.messages) < MAX_MESSAGES and self._bytes < MAX_BYTES:
            self.messages.append(message)
            self.topics.add(message.topic)
            self._bytes += len(message.payload) + len(message.topic)

    def add_broken(self, number: int, line: bytes) -> None:
        """Count a line of a capture that is no message."""
        self.broken += 1
        said = line.strip()[:_SAMPLE].decode("utf-8", "replace")
        self.samples.setdefault(BROKEN, printable(f"line {number}: {said}", 2 * _SAMPLE))

    def draft(self, taken: Taken = NOTHING_TAKEN, progress: Progress = lambda share: None) -> Draft:
        """Return what was seen as sections of a plant file.

        Args:
            taken: names that an existing file has already.
            progress: is told the share of the work that is done, 0 to 1.
        """
        self.passed_over = Counter({BROKEN: self.broken} if self.broken else {})
        if self.count > len(self.messages):
            self.passed_over[f"more than {len(self.messages):,} are not looked at"] = self.count - len(self.messages)
        sorting = _Sorting(self)
        for number, message in enumerate(self.messages):
            if number % _TOLD_EVERY == 0:
                progress(_SORTED * number / len(self.messages))
            sorting.take(message)
        sorting.place_presets()
        sorting.read_metrics()
        sorting.read_states()
        sorting.cluster(lambda share: progress(_SORTED + (_CLUSTERED - _SORTED) * share))
        devices: dict[str, DeviceProfile] = {}
        given = list(Names().give(sorting.notes))
        for number, (note, by_device) in enumerate(given):
            if number % _TOLD_EVERY == 0:
                progress(_CLUSTERED + (1 - _CLUSTERED) * number / len(given))
            for name, found in by_device.items():
                devices.setdefault(name, DeviceProfile()).add(note.source, note.message.at, found)
        self.senders = sorting.senders
        draft = Draft.of(devices, sorting.senders, taken)
        watched = {name: device.watched().keys() for name, device in draft.devices.items()}
        for note, by_device in given:
            if not any(one.sensor in watched.get(name, ()) for name, found in by_device.items() for one in found):
                of = (devices[name].sensors[one.sensor] for name, found in by_device.items() for one in found)
                self.pass_over(_text(note.message) if any(one.has_changed for one in of) else _UNCHANGED, note.message)
                sorting.idle.add(note.source)
        draft.let_pass(sorting.idle)
        return draft

    def pass_over(self, why: str, message: CapturedMessage, times: int = 1) -> None:
        """Count a message that means nothing."""
        self.passed_over[why] += times
        payload = message.payload[:_SAMPLE].decode("utf-8", "replace")
        self.samples.setdefault(why, printable(f"{message.topic} {payload}", 2 * _SAMPLE))


@dataclass(slots=True)
class _Sorting:
    """Messages on their way to what they mean."""

    survey: BrokerSurvey
    notes: list[Note] = field(default_factory=list)
    senders: dict[str, Sender] = field(default_factory=dict)
    """By the name of the source."""
    others: Heard = field(default_factory=list)
    """What no preset reads."""
    elsewhere: dict[str, Heard] = field(default_factory=lambda: defaultdict(list))
    """By preset, messages on other topics than its own."""
    metrics: dict[str, MetricSurvey] = field(default_factory=dict)
    """By preset, messages of metrics with tags."""
    ear: SparkplugEar = field(default_factory=SparkplugEar)
    announcements: HomeAssistantEar = field(default_factory=HomeAssistantEar)
    idle: set[str] = field(default_factory=set)
    """Sources of which some messages say no value that is watched."""

    def take(self, message: CapturedMessage) -> None:
        """Sort one message, as far as it can be told by itself."""
        if is_sparkplug(message):
            self.senders.setdefault(_SPARKPLUG, Sender({"preset": _SPARKPLUG}))
            found = tuple(self.ear.listen(message))
            nameless = not found and "DATA/" in message.topic
            self._note(_SPARKPLUG, message, found, "Sparkplug data before a birth: --ask-births" if nameless else "")
            return
        said = _json(message)
        if isinstance(said, dict) and _is_announcement(message):
            why = self.announcements.listen(message)
            if why:
                self.survey.pass_over(why, message)
            return
        if message.retained:
            self.survey.pass_over("retained: old news", message)
            return
        spotted = spot(message, said)
        if isinstance(spotted, Tagged) and can_be_named(message.topic):
            self.metrics.setdefault(spotted.preset, MetricSurvey(spotted.preset)).add(message, said)
            return
        if isinstance(spotted, Elsewhere) and can_be_named(message.topic):
            self.elsewhere[spotted.preset].append((message, said))
        elif isinstance(spotted, Spotted):
            self._spotted(message, spotted, {})
        elif not message.payload:
            self.survey.pass_over("empty", message)
        else:
            self.others.append((message, said))

    def _spotted(self, message: CapturedMessage, spotted: Spotted, extra: Mapping[str, Any]) -> None:
        settings = {} if spotted.preset == OWN else {"preset": spotted.preset, **extra}
        self.senders.setdefault(spotted.preset, Sender(settings))
        self._note(spotted.preset, message, spotted.found)

    def read_metrics(self) -> None:
        """Read the messages of presets whose machines are told by tags."""
        for name, survey in self.metrics.items():
            settings, read_ = survey.read([one for one in survey.elsewhere() if not may_be_ours(one)])
            topics = [parse_topic(text) for text in settings.get("topic", preset(name).topic)]
            self.senders[name] = Sender(settings)
            for message, found in read_:
                if any(topic.match(message.topic) is not None for topic in topics):
                    self._note(name, message, found)
                else:
                    self.survey.pass_over(LIKE_OURS, message)

    def place_presets(self) -> None:
        """Read the messages of presets that speak on other topics than their own."""
        for name, heard in self.elsewhere.items():
            topics = {message.topic for message, _ in heard}
            where = [one for one in places(name, topics) if not may_be_ours(one)]
            if name in self.senders:
                where = [*preset(name).topic, *where]
                self.senders[name] = Sender({"preset": name, "topic": where})
            parsed = [parse_topic(text) for text in where]
            for message, said in heard:
                spotted = read(message, said, name, parsed)
                if spotted is None:
                    self.survey.pass_over(LIKE_OURS, message)
                else:
                    self._spotted(message, spotted, {"topic": where})

    def read_states(self) -> None:
        """Read what Home Assistant's announcements name, and no preset reads."""
        by_state = self.announcements.by_state()
        if not by_state:
            return
        states: dict[str, None] = {}
        rest: Heard = []
        for message, said in self.others:
            entities = by_state.get(message.topic)
            if entities is None:
                rest.append((message, said))
                continue
            states[message.topic] = None
            self._note(ANNOUNCED, message, tuple(values(entities, message)))
        self.others = rest
        if states:
            others = sorted(self.survey.topics - states.keys())
            self.senders[ANNOUNCED] = Sender(self.announcements.settings([*states], others))

    def cluster(self, progress: Progress) -> None:
        """Find what the rest has in common; ``progress`` is told the share that is done."""
        readable: Heard = []
        lines: dict[LineForm, Heard] = defaultdict(list)
        for message, said in self.others:
            if isinstance(said, dict | list):
                readable.append((message, said))
                continue
            form = line_form(message.payload)
            if form is not None:
                lines[form].append((message, records_in(message.payload, form)))
                continue
            try:
                readable.append((message, FORMATS["value"](message.payload, message.at)))
            except PayloadError:
                self.survey.pass_over(f"binary, {binary_kind(message.payload)}: no source reads it", message)
        known = {one.device for note in self.notes for one in note.found}
        clusters, passed = clusters_of(readable, known, self.survey.topics, progress)
        for form, heard in lines.items():
            known |= {one.device for cluster in clusters for _, found in cluster.found for one in found}
            more, strange = clusters_of(heard, known, self.survey.topics)
            clusters += [_of_lines(cluster, form) for cluster in more]
            passed += strange
        for one in passed:
            self.survey.pass_over(one.why, one.message)
        names = {*self.senders, *PRESETS}
        claimed = {note.message.topic for note in self.notes}
        presets = dict(self.senders)
        first: dict[str, Sender] = {}
        for cluster in told_apart(clusters, claimed):
            source = _source_name(str(cluster.settings["topic"]), names)
            names.add(source)
            goes_first, doubts = beside_presets(cluster, presets, claimed)
            sender = Sender(cluster.settings, (*cluster.doubts, *doubts), cluster.left_out)
            (first if goes_first else self.senders)[source] = sender
            lists = (f"no value in it but {why}" for why in cluster.left_out.values() if why.startswith(LIST_OF))
            why = next(lists, "")
            for message, found in cluster.found:
                self._note(source, message, found, why)
        self.senders = {**first, **self.senders}

    def _note(self, source: str, message: CapturedMessage, found: Iterable[Found], why: str = "") -> None:
        named = tuple(one for one in found if one.device)
        if named:
            self.notes.append(Note(source, message, named))
        else:
            self.idle.add(source)
            self.survey.pass_over(why or "no value in it", message)


def _is_announcement(message: CapturedMessage) -> bool:
    if not message.topic.endswith("/config"):
        return False
    known = recognise(message.topic, message.payload)
    return known is not None and known.preset == ANNOUNCED


def _json(message: CapturedMessage) -> Any:
    """Return what a payload says as JSON object or list; None for any other."""
    if not any(mark in message.payload[:8] for mark in (b"{", b"[")):
        return None
    try:
        said = decode_json(message.payload)
    except PayloadError:
        return None
    return said if isinstance(said, dict | list) else None


def _text(message: CapturedMessage) -> str:
    """Return what a text that says no value seems to be."""
    return "XML: no source reads it" if message.payload.lstrip().startswith(b"<") else _UNKNOWN_TEXT


def _of_lines(cluster: Cluster, form: LineForm) -> Cluster:
    """Return a cluster of texts that were read as lines of fields."""
    settings = {key: one for key, one in cluster.settings.items() if key != "each"}
    fields = {"fields": list(form.names)} if form.names else {}
    return cluster._replace(settings={**settings, "format": "csv", **fields})


def _source_name(topic: str, taken: Container[str]) -> str:
    """Return a name for a source by the levels of its topic that are words."""
    levels = [level for level in topic.split("/") if level and not set(level) & set("{}+#$")]
    base = our_name("-".join(levels[:2])) if levels else "messages"
    return free_name(base, taken)
