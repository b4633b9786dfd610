"""Sources whose topics coincide: of several that a topic fits, the first one in the file takes it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from aegisflow.config.paths import DEVICE, SENSOR, parse_topic
from aegisflow.config.presets import preset
from aegisflow.discovery.draft import Sender
from aegisflow.discovery.topics import Cluster

__all__ = ["beside_presets", "told_apart"]

_MOST = 200
"""Devices that get a source of their own at most where their topics cannot be told from those of others."""


def told_apart(clusters: Sequence[Cluster], others: Collection[str]) -> Iterator[Cluster]:
    """Yield clusters so that none takes the messages of one behind it, or of somebody else.

    One that would is narrowed to the very topics that were seen, one source for each device.

    Args:
        clusters: in any order; the most exact one goes first.
        others: topics that other sources read, which stand in the file before these.
    """
    ordered = sorted(clusters, key=_vagueness)
    by_length: dict[int, dict[str, int]] = defaultdict(dict)
    for topic in others:
        by_length[topic.count("/")][topic] = len(ordered)
    for rank, cluster in enumerate(ordered):
        for topic in _topics(cluster):
            by_length[topic.count("/")][topic] = rank
    for rank, cluster in enumerate(ordered):
        topic = str(cluster.settings["topic"])
        match = parse_topic(topic).match
        behind = any(
            of > rank and match(other) is not None
            for other, of in by_length[topic.count("/")].items()
            if of < len(ordered)
        )
        if not behind or SENSOR in topic:
            yield cluster
        else:
            yield from _narrowed(cluster)


def beside_presets(
    cluster: Cluster, presets: Mapping[str, Sender], claimed: Collection[str]
) -> tuple[bool, tuple[str, ...]]:
    """Return whether a cluster stands in the file before the presets, since they would take its messages; and doubts.

    Args:
        cluster: what no preset reads.
        presets: the sources of presets, by name.
        claimed: topics that they read.
    """
    takers = {
        name: [parse_topic(text) for text in sender.settings.get("topic", preset(name).topic)]
        for name, sender in presets.items()
        if sender.settings
    }
    topics = _topics(cluster)
    rivals = [
        name
        for name, patterns in takers.items()
        if any(pattern.match(topic) is not None for topic in topics for pattern in patterns)
    ]
    if not rivals:
        return False, ()
    said = cluster.settings["topic"]
    own = [parse_topic(text) for text in ([said] if isinstance(said, str) else said)]
    if any(pattern.match(topic) is not None for topic in claimed for pattern in own):
        return False, (f"{', '.join(rivals)}, which stands before this source, takes messages that are meant here",)
    return True, ()


def _vagueness(cluster: Cluster) -> tuple[int, bool]:
    levels = str(cluster.settings["topic"]).split("/")
    return sum(level in ("+", DEVICE, SENSOR) for level in levels), SENSOR in levels


def _topics(cluster: Cluster) -> Collection[str]:
    return dict.fromkeys(message.topic for message, _ in cluster.found)


def _narrowed(cluster: Cluster) -> Iterator[Cluster]:
    if "path" in cluster.settings.get("device", {}):
        yield cluster._replace(settings={**cluster.settings, "topic": [*_topics(cluster)]})
        return
    names = dict.fromkeys(one.device for _, found in cluster.found for one in found)
    if len(names) > _MOST:
        doubt = f"{cluster.settings['topic']} fits topics of others as well, which this source takes from them"
        yield cluster._replace(doubts=(*cluster.doubts, doubt))
        return
    silent = [one for one in cluster.found if not one[1]]
    if not names:
        yield cluster
    for number, name in enumerate(names):
        found = [one for one in cluster.found if any(value.device == name for value in one[1])]
        topics = [*dict.fromkeys(message.topic for message, _ in found)]
        settings = {**cluster.settings, "topic": topics[0] if len(topics) == 1 else topics, "device": {"id": name}}
        # Messages that say nothing are counted with the first one.
        yield cluster._replace(settings=settings, found=found if number else [*found, *silent])
