"""What is no mistake in a plant file, and will hurt all the same."""

from collections.abc import Iterator

from aegisflow.config.configuration import Configuration
from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec, SensorKind
from aegisflow.domain.rights import RIGHTS, Right

__all__ = ["painful", "two_voices", "useless_links"]

_LIMITED = (SensorKind.MEASUREMENT, SensorKind.COUNTER)
"""Kinds of sensors that have limits."""


def painful(plant: PlantSpec) -> Iterator[tuple[str, list[str]]]:
    """Yield what will hurt, in words, each with the devices or sensors that it is about."""
    kinds: dict[tuple[str, int], DeviceSpec] = {}
    for device in plant.devices.values():
        kinds.setdefault((device.kind, id(device.sensors)), device)
    first = list(kinds.values())
    unnamed = dict.fromkeys(device.kind for device in first if not device.faults)
    if unnamed:
        yield (
            "no type of fault under faults: fits its sensors, so that every alarm is unclassified and agents may do "
            "next to nothing",
            list(unnamed),
        )
    free = dict.fromkeys(
        f"{sensor.name} of {device.kind}"
        for device in first
        for sensor in device.sensors.values()
        if sensor.kind in _LIMITED and not any(_is_bounded(one) for one in (sensor.normal, sensor.alarm, sensor.trip))
    )
    if free:
        yield "no limit says what is normal, so that only its own past does", list(free)
    for device in first:
        for name, recovery in device.recovery.items():
            span = device.sensors[name].span
            if _apart(Limits(recovery.low, recovery.high), span):
                yield (
                    f"recovery.{name} wants {recovery}, which its span [{span.low:g}, {span.high:g}] never shows: "
                    "no machine that was stopped is ever started again",
                    [device.kind],
                )


def useless_links(configuration: Configuration) -> Iterator[tuple[str, list[str]]]:
    """Yield why links that acknowledge alarms do nothing for people, in words, each with those people."""
    people = dict.fromkeys(configuration.notifications.people.values())
    unknown = [name for name in people if name not in configuration.operators]
    if unknown:
        yield "nobody under operators has this name, so that the links in their notifications open nothing", unknown
    known = {name: configuration.operators[name].role for name in people if name in configuration.operators}
    may_not = [f"{name}, {role}" for name, role in known.items() if Right.HANDLE_ALARMS not in RIGHTS[role]]
    if may_not:
        yield "their role may not acknowledge, so that the links in their notifications do nothing", may_not
    elsewhere = []
    for name, role in known.items():
        own = configuration.operators[name].lines
        others = [line for line in configuration.plant.lines if own is not None and line not in own]
        if others and Right.HANDLE_ALARMS in RIGHTS[role]:
            elsewhere.append(f"{name}, not on {', '.join(others)}")
    if elsewhere:
        yield "they act on some lines alone, so that the links about alarms of other lines do nothing", elsewhere
    if people and not configuration.notifications.webhook_env:
        yield "links that acknowledge go to a webhook alone, and notifications.webhook_env names none", list(people)


def two_voices(configuration: Configuration) -> Iterator[tuple[str, list[str]]]:
    """Yield who could be two of the people that must agree: nobody knows whether a token and an account are one's."""
    spec, policy = configuration.sign_in, configuration.plant.policy
    needs_two = policy.approvals_to_open > 1 or any(rule.approvals > 1 for rule in policy.rules)
    if spec is None or not needs_two or not any(Right.APPROVE in RIGHTS[one.role] for one in spec.roles.values()):
        return
    by_token = [name for name, one in configuration.operators.items() if Right.APPROVE in RIGHTS[one.role]]
    if by_token:
        yield "who approves by a token and has an account at sign_in, too, counts as two where two must agree", by_token


def _is_bounded(limits: Limits) -> bool:
    return limits.low is not None or limits.high is not None


def _apart(one: Limits, other: Limits) -> bool:
    """Return whether no value lies within both."""
    pairs = ((one.low, one.high), (one.low, other.high), (other.low, one.high))
    return any(low is not None and high is not None and low > high for low, high in pairs)
