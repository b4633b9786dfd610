"""What changes when one configuration takes the place of another."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from aegisflow.config.settings import Configuration
from aegisflow.domain.views import PlantChange

_LIVE = {"path", "plant"}
"""What a running process can take over; all else is read once, at the start."""


def difference(old: Configuration, new: Configuration) -> PlantChange:
    """Return the devices added, removed and changed, and the key paths that only a restart brings in.

    Nothing is applied by this: ``applied`` is false, and becomes true in the hands of who applies it.
    """
    before, after = old.plant.devices, new.plant.devices
    return PlantChange(
        applied=False,
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(name for name, device in after.items() if name in before and device != before[name]),
        needs_restart=tuple(path for path in _changed(old, new) if path.split(".")[0] not in _LIVE),
    )


def _changed(old: Any, new: Any) -> Iterator[str]:
    """Yield the key paths of the values that differ, as ``plant.yaml`` names them."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        name = field.name.removesuffix("_s")
        if is_dataclass(before) and type(before) is type(after):
            yield from (f"{name}.{below}" for below in _changed(before, after))
        else:
            yield name
