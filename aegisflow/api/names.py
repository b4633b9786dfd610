"""The name that somebody meant, where what they wrote can mean only one."""

import re
from collections.abc import Iterable

from aegisflow.domain.equipment import PlantSpec

__all__ = ["device_named", "fitting_name", "sensors_named"]

_PARTS = re.compile(r"\d+|[^\W\d_]+")


def fitting_name(text: str, names: Iterable[str]) -> str:
    """Return the one of ``names`` that ``text`` can mean, else ``text``, which whoever is asked refuses by itself.

    Capitals, what stands between words and figures, and leading zeros make no other name: ``pump 2`` is ``pump-02``,
    unless there is a ``pump-2`` as well.
    """
    known = list(names)
    if text in known:
        return text
    key = _key(text)
    meant = [name for name in known if key and _key(name) == key]
    return meant[0] if len(meant) == 1 else text


def device_named(text: str | None, inventory: PlantSpec) -> str | None:
    """Return the id of the device that ``text`` can only mean; ``text`` itself where there is none, or several."""
    return None if text is None else fitting_name(text, inventory.devices)


def sensors_named(texts: Iterable[str], device_id: str, inventory: PlantSpec) -> tuple[str, ...]:
    """Return the sensors of a device that are meant, each once."""
    device = inventory.devices.get(device_id)
    names = device.sensors if device else {}
    return tuple(dict.fromkeys(fitting_name(text, names) for text in texts))


def _key(name: str) -> tuple[str, ...]:
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in _PARTS.findall(name.casefold()))
