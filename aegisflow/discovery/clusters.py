"""Messages that no preset reads: which topics are of one kind, and the ``sources`` entry that reads them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aegisflow.bus.sources.access import getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import DEVICE, SENSOR, may_coincide, parse_topic
from aegisflow.config.services import Topics
from aegisflow.discovery.points import of_points
from aegisflow.discovery.records import of_records
from aegisflow.discovery.shapes import shape_of
from aegisflow.discovery.speakers import GENERIC, Neighbours, names_something
from aegisflow.discovery.topics import Cluster, Told, Topic
from aegisflow.discovery.values import of_values

__all__ = ["LIKE_OURS", "PassOver", "can_be_named", "clusters_of", "may_be_ours"]

_ALIKE = 0.5
"""Share of common keys by which two topics carry the same kind of message."""
_COMPARED = 200
"""Kinds of records that a topic is compared with; where there are more, none is like another."""
_ORDERS = frozenset({"set", "get", "cmd", "command", "commands", "rpc", "request", "response", "config", "ack", "acks"})
"""Last levels of topics on which machines are told something, and say nothing of themselves."""
_OURS = tuple(template for _, template in Topics())
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LIKE_OURS = "on a topic that could be taken for one of AegisFlow's own"


Said = Sequence[tuple[CapturedMessage, Any]]
"""Messages with their payload as JSON, or a bare value."""


Progress = Callable[[float], None]
"""Is told a share, 0 to 1."""


class PassOver(NamedTuple):
    """A message that means nothing, and why."""

    why: str
    message: CapturedMessage


def clusters_of(
    messages: Said,
    known: Collection[str] = (),
    all_topics: Collection[str] = (),
    progress: Progress = lambda share: None,
) -> tuple[list[Cluster], list[PassOver]]:
    """Return what messages have in common that no preset reads, and those that mean nothing.

    Args:
        messages: with their payload.
        known: the senders' names of devices that other messages have told.
        all_topics: of these messages and of others.
        progress: is told the share of the work that is done, 0 to 1.
    """
    by_topic: dict[str, list[tuple[CapturedMessage, Any]]] = defaultdict(list)
    passed: list[PassOver] = []
    for message, said in messages:
        why = _useless(message.topic)
        if why:
            passed.append(PassOver(why, message))
        else:
            by_topic[message.topic].append((message, said))
    topics = []
    seen, total = 0, 2 * max(1, len(messages))
    for name, listed in by_topic.items():
        progress((seen := seen + len(listed)) / total)
        topic, others = _of_one_form(name, listed)
        topics.append(topic)
        passed += [PassOver("of another form than most on its topic", message) for message, _ in others]
    makers = {"record": of_records, "points": of_points, "value": of_values, "alone": of_values}
    clusters = []
    told_before = Told({*known}, Neighbours({*all_topics, *by_topic}))
    # Those of which there are many tell what is less clear of one that stands alone; and what is short, of the long.
    for group in sorted(_groups(topics), key=lambda group: (len(group) == 1, len(group[0].levels))):
        progress((seen := seen + sum(len(topic.messages) for topic in group)) / total)
        cluster = _apart_from_ours(makers[group[0].shape.kind](group, told_before))
        if cluster is None:
            passed += [PassOver(LIKE_OURS, message) for topic in group for message, _ in topic.messages]
        else:
            clusters.append(cluster)
            told_before.devices.update(one.device for _, found in cluster.found for one in found)
    return clusters, passed


def _useless(topic: str) -> str:
    if topic.startswith("$SYS/"):
        return "of the broker itself"
    if topic.rpartition("/")[2].lower() in _ORDERS:
        return "an order to a machine, or an answer"
    return "" if can_be_named(topic) else "on a topic that plant.yaml cannot name"


@lru_cache(10_000)
def can_be_named(topic: str) -> bool:
    """Return whether plant.yaml can name a topic: braces have a meaning there."""
    try:
        parse_topic(topic)
    except ValueError:
        return False
    return True


def _of_one_form(name: str, messages: Said) -> tuple[Topic, Said]:
    """Return a topic with the messages of its usual form, and the others."""
    shapes = [shape_of(said) for _, said in messages]
    # Optional keys come and go: one is read like the other.
    usual, _ = Counter(shape._replace(time="", unit="", quality="") for shape in shapes).most_common(1)[0]
    best = max(
        (shape for shape in shapes if shape._replace(time="", unit="", quality="") == usual),
        key=lambda shape: sum(map(bool, shape)),
    )
    if best.kind == "alone" and not best.each and best.name:
        look = getter([best.name])
        names = {str(look(said)) for _, said in messages}
        # One object for each value on a topic of many; or the name is said once more than needed.
        best = best._replace(kind="points", points=".") if len(names) > 1 else best._replace(name="")
    topic, others = Topic(name, best), []
    for (message, said), shape in zip(messages, shapes, strict=True):
        if shape._replace(time="", unit="", quality="") == usual:
            topic.add(message, said)
        else:
            others.append((message, said))
    return topic, others


def _groups(topics: Iterable[Topic]) -> Iterator[list[Topic]]:
    """Give topics of one kind together: of one form, as many levels, and for records mostly the same keys."""
    buckets: dict[Any, list[list[Topic]]] = defaultdict(list)
    same: dict[Any, list[Topic]] = {}
    for topic in topics:
        levels, record = topic.levels, topic.shape.kind == "record"
        first = "" if record or len(levels) > 2 else levels[0]
        bucket = (topic.shape, len(levels), tuple(not level for level in levels), first)
        exactly = (bucket, frozenset(topic.keys))
        group = same.get(exactly)
        if group is None:
            group = next((one for one in buckets[bucket][:_COMPARED] if not record or _are_alike(one[0], topic)), None)
        if group is None:
            group = []
            buckets[bucket].append(group)
        same.setdefault(exactly, group)
        group.append(topic)
    for groups in buckets.values():
        for group in groups:
            yield from _related(group)


def _is_of_many(topic: Topic) -> bool:
    return topic.shape.kind in ("record", "points")


def _related(topics: Sequence[Topic]) -> Iterator[list[Topic]]:
    """Give topics apart that have no level in common, since they are of different systems.

    A level that names nothing, such as data or state, is common to many. Where several of these are the same, or
    records have the same keys, that is enough if all else of both ends alike.
    """
    if len(topics[0].levels) == 1:
        yield [*topics]
        return
    first: dict[Any, int] = {}
    root = [*range(len(topics))]

    def top(number: int) -> int:
        while root[number] != number:
            root[number] = number = root[root[number]]
        return number

    generic: list[tuple[tuple[int, str], ...]] = []
    for number, topic in enumerate(topics):
        levels = [*enumerate(topic.levels)]
        generic.append(tuple((place, level) for place, level in levels if level.lower() in GENERIC))
        # The last level of a topic for each value is what is measured: anybody has a temp.
        for mark in levels if _is_of_many(topic) else levels[:-1]:
            if names_something(mark[1]):
                root[top(number)] = top(first.setdefault(mark, number))
    by_name = [top(number) for number in range(len(topics))]
    ends: dict[int, set[str]] = defaultdict(set)
    for number, topic in enumerate(topics):
        if not _is_of_many(topic) and names_something(topic.levels[-1]):
            ends[by_name[number]].add(topic.levels[-1])
    for number, topic in enumerate(topics):
        if len(generic[number]) > 1 or (generic[number] and topic.shape.kind == "record"):
            alike = generic[number], frozenset(ends[by_name[number]])
            root[top(number)] = top(first.setdefault(alike, number))
    groups: dict[int, list[Topic]] = defaultdict(list)
    for number, topic in enumerate(topics):
        groups[top(number)].append(topic)
    yield from groups.values()


def _are_alike(one: Topic, other: Topic) -> bool:
    common, all_keys = one.keys & other.keys, one.keys | other.keys
    return len(common) >= _ALIKE * len(all_keys)


def may_be_ours(topic: str) -> bool:
    """Return whether a pattern fits topics on which AegisFlow itself speaks or listens."""
    return any(may_coincide(topic, ours) for ours in _OURS)


def _apart_from_ours(cluster: Cluster) -> Cluster | None:
    """Return a cluster whose topics cannot be taken for AegisFlow's own; None where that cannot be had.

    Where all is of one machine, the topic may as well name it; so it does, too, where it would fit topics of anybody.
    """
    topic = str(cluster.settings["topic"])
    is_ours = may_be_ours(topic)
    if not is_ours and not all(level in (DEVICE, SENSOR, "+") for level in topic.split("/")):
        return cluster
    message = cluster.found[0][0]
    devices = {one.device for _, values in cluster.found for one in values}
    levels = [
        said if level == DEVICE else level
        for level, said in zip(topic.split("/"), message.topic.split("/"), strict=True)
    ]
    narrow = "/".join(levels)
    name = next(iter(devices), "")
    if len(devices) != 1 or not _NAME.fullmatch(name) or may_be_ours(narrow):
        return None if is_ours else cluster
    return cluster._replace(settings={**cluster.settings, "topic": narrow, "device": {"id": name}})
