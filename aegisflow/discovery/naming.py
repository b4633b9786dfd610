"""Names that plant.yaml can have for what senders call otherwise, and under which nothing else is meant."""

from collections import ChainMap, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import join_path
from aegisflow.config.presets import PRESETS
from aegisflow.discovery import Found
from aegisflow.discovery.draft import free_name, our_name, sensor_name

__all__ = ["Names", "Note"]


class Note(NamedTuple):
    """What one message says by one source."""

    source: str
    message: CapturedMessage
    found: tuple[Found, ...]


class Names:
    """Gives names to devices and sensors."""

    def __init__(self) -> None:
        self._devices: dict[str, str] = {}
        """The sender's name to ours."""
        self._sensors: dict[tuple[str, str], str] = {}
        """Source and path to ours."""

    def give(self, notes: Sequence[Note]) -> Iterator[tuple[Note, dict[str, tuple[Found, ...]]]]:
        """Yield notes with what they say of each device, under names of ours."""
        self._name_devices(notes)
        self._name_sensors(notes)
        for note in notes:
            by_device: dict[str, list[Found]] = {}
            for one in note.found:
                name = self._sensors[note.source, _where(one)]
                path = one.path or ("" if name == one.sensor else join_path("", one.sensor))
                by_device.setdefault(self._devices[one.device], []).append(one._replace(sensor=name, path=path))
            yield note, {name: tuple(found) for name, found in by_device.items()}

    def _name_devices(self, notes: Sequence[Note]) -> None:
        used: set[str] = set()
        for said in dict.fromkeys(one.device for note in notes for one in note.found):
            name = self._devices[said] = free_name(our_name(said), used)
            used.add(name)

    def _name_sensors(self, notes: Sequence[Note]) -> None:
        """Name sensors so that a name means one thing in a source, and one thing of a device."""
        of: dict[tuple[str, str], set[str]] = defaultdict(set)
        wanted: dict[tuple[str, str], str] = {}
        for note in notes:
            for one in note.found:
                key = (note.source, _where(one))
                of[key].add(one.device)
                wanted.setdefault(key, one.sensor)
        used: dict[str, dict[str, str]] = defaultdict(dict)
        """Devices and sources, to the names that are given away, and what wanted them."""
        # What a preset calls by a name has it: there it is not told where the value stands.
        for key in sorted(wanted, key=lambda key: key[0] not in PRESETS):
            source = f"source {key[0]}"
            owners = [used[owner] for owner in (source, *of[key])]
            name = self._sensors[key] = free_name(sensor_name(wanted[key]), ChainMap(*owners))
            for owner in owners:
                owner[name] = key[1]


def _where(found: Found) -> str:
    return found.path or found.sensor
