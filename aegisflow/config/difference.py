"""What changes when one configuration takes the place of another."""

from collections.abc import Iterator
from dataclasses import fields, replace
from operator import attrgetter
from types import MappingProxyType

from aegisflow.config.configuration import Configuration
from aegisflow.config.fields import Section, key_of
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.openings import line_diff, policy_lines
from aegisflow.domain.views import PlantChange

_LIVE = {"path", "plant", "digest", "operators", "agents", "sign_in", "archestra"}
"""What a running process can take over, or does not read; all else is read once, at the start."""
_SHARED = attrgetter(*(field.name for field in fields(DeviceSpec) if field.name != "device_id"))


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
        needs_restart=tuple(_restarts(old, new)),
        policy=line_diff(policy_lines(old.plant.policy), policy_lines(new.plant.policy)),
    )


def with_known_devices(old: Configuration, new: Configuration) -> Configuration:
    """Return the new configuration with the devices of the old one wherever nothing about them differs.

    Devices of one kind share all but their names, so what is compared once holds for all of them:
    of 10,000 devices the few that differ are found in milliseconds, here and by everybody after.
    """
    known: dict[tuple[int, ...], bool] = {}
    devices = dict(new.plant.devices)
    for name, before in old.plant.devices.items():
        if name not in devices:
            continue
        one, other = _SHARED(before), _SHARED(devices[name])
        pair = (*map(id, one), *map(id, other))
        if pair not in known:
            known[pair] = one == other
        if known[pair]:
            devices[name] = before
    return replace(new, plant=replace(new.plant, devices=MappingProxyType(devices)))


def _restarts(old: Configuration, new: Configuration) -> Iterator[str]:
    """Yield the key paths of what differs and is read only at the start, as ``plant.yaml`` names them."""
    for field in fields(Configuration):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name in _LIVE or before == after:
            continue
        if isinstance(before, Section):
            yield from (f"{field.name}.{below}" for below in _changed(before, after))
        else:
            yield field.name


def _changed(old: Section, new: Section) -> Iterator[str]:
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, Section) and type(before) is type(after):
            yield from (f"{key_of(name)}.{below}" for below in _changed(before, after))
        else:
            yield key_of(name)
