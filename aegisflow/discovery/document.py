"""A draft as a whole plant file, or laid into one that exists; and what the messages become with it."""

import difflib
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.sample import unused_numbers
from aegisflow.bus.sources.trial import Trial
from aegisflow.config import Configuration, load
from aegisflow.discovery.clusters import Progress
from aegisflow.discovery.draft import MARK, Draft, Taken, flow, free_name, our_name
from aegisflow.discovery.leaves import is_wanted
from aegisflow.discovery.survey import BrokerSurvey
from aegisflow.domain.times import format_instant
from aegisflow.errors import BadValueError, PayloadError, printable

__all__ = ["Outcome", "additions", "new_file", "try_out"]

_SECTIONS = ("kinds", "lines", "sources")
_TRIED = 50
"""Messages of a device that tell which kind it is of."""


class Outcome(NamedTuple):
    """What became of messages under a plant file."""

    messages: int
    understood: int
    """Messages of which at least one value was taken."""
    values: int
    refused: Counter[str]
    """Reasons, to how many values or messages."""


def new_file(draft: Draft, *, name: str, broker: Mapping[str, Any], seen: str, at: float) -> str:
    """Return a plant file.

    Args:
        draft: what was seen.
        name: of the plant.
        broker: how it was reached, as ``broker`` of a plant file says it; of a password the variable alone.
        seen: where the messages come from, in words.
        at: UTC epoch seconds of now.
    """
    sources = draft.source_lines()
    parts = [
        f"# Drafted by `aegisflow discover` at {format_instant(at)} from {printable(seen, 200)}.",
        f"# {MARK} marks what was concluded from that and may be otherwise. Look at it, name the kinds, give sensors",
        "# their limits (normal, alarm, trip) as you know them, and let `aegisflow check` read the file.",
        "",
        f"plant: {{name: {flow(name)}}}",
        "",
        "kinds:",
        *draft.kind_lines(),
        "",
        "# Faults give alarms a name and a severity; without any, agents may do next to nothing. As an example:",
        "# faults:",
        "#   overheating: {severity: critical, when: {temperature: high}}",
        "",
        "lines:",
        *draft.line_lines(),
        *(["", "sources:", *sources] if sources else []),
        "",
        f"broker: {flow(broker)}",
        "store: {url: sqlite:///../var/aegisflow.db}",
        "manuals: {folder: ../manuals}",
    ]
    return "\n".join(parts) + "\n"


def additions(
    path: Path, messages: Sequence[CapturedMessage], progress: Progress = lambda share: None
) -> tuple[str, list[str]]:
    """Return what messages say that an existing file does not know, as a unified diff and as remarks.

    ``progress`` is told the share of the work that is done, 0 to 1.

    Raises:
        BadValueError: a section of the file is not in block style, so that nothing can be put below it.
        ConfigError: the file has mistakes.
        OSError: the file cannot be read.
    """
    configuration = load(path)
    text = path.read_text("utf-8")
    trial = Trial(configuration)
    unknown = [message for message in messages if not _taken(trial, message)[0]]
    more_of_the_same = _of_known_kinds(configuration, trial, unknown)
    survey = BrokerSurvey()
    for message in unknown:
        if _stranger(trial, message) not in more_of_the_same:
            survey.add(message)
    taken = _names_of(configuration, text)
    line = free_name("discovered", taken.lines)
    draft = survey.draft(taken._replace(devices=taken.devices | more_of_the_same.keys(), lines=taken.lines | {line}))
    lines = text.splitlines(keepends=True)
    devices = draft.line_lines()
    if more_of_the_same:
        named = [f"      {flow(name)}: {flow(kind)}" for name, kind in more_of_the_same.items()]
        devices = [f"  {line}:", "    devices:", *named, *devices]
    for section, added in zip(_SECTIONS, (draft.kind_lines(), devices, draft.source_lines()), strict=True):
        if added:
            lines = _below(path, lines, section, [f"{line}\n" for line in added])
    diff = difflib.unified_diff(text.splitlines(keepends=True), lines, str(path), f"{path} (proposed)")
    remarks = [f"{name}: {kind}, since it says what this kind has" for name, kind in more_of_the_same.items()]
    remarks += [f"{name}: new, every value of it" for name in draft.devices]
    remarks += _new_numbers(configuration, trial, messages)
    return "".join(diff), remarks


def _new_numbers(configuration: Configuration, trial: Trial, messages: Sequence[CapturedMessage]) -> list[str]:
    """Return what devices of the plant say at places where their source never looks."""
    looked: Counter[str] = Counter()
    found: dict[tuple[str, str], dict[str, set[float]]] = {}
    for message in messages:
        route = trial.route(message.topic)
        looked[message.topic] += 1
        if route is None or looked[message.topic] > _TRIED:
            continue
        source, device = route.source.name, route.device_id or route.device or "its devices"
        for path, number in unused_numbers(configuration, configuration.sources[source], message).items():
            if is_wanted(path, number):
                found.setdefault((source, path), {}).setdefault(device, set()).add(number)
    return [
        f"{source}: {path} comes from {', '.join([*devices][:5])} and is no sensor: put one into the kind, "
        "and its path under sensors of the source"
        for (source, path), devices in found.items()
        if any(len(numbers) > 1 for numbers in devices.values())
    ]


def _of_known_kinds(configuration: Configuration, trial: Trial, messages: Sequence[CapturedMessage]) -> dict[str, str]:
    """Return devices that the plant does not have and that speak like one of its kinds, with that kind."""
    by_device: dict[str, list[CapturedMessage]] = {}
    for message in messages:
        name = _stranger(trial, message)
        if name and our_name(name) == name:
            by_device.setdefault(name, []).append(message)
    of_kind = {spec.kind: spec for spec in configuration.plant.devices.values()}
    found: dict[str, str] = {}
    for name, said in by_device.items():
        values = {}
        for kind, spec in of_kind.items():
            as_this = Trial(configuration, {name: replace(spec, device_id=name)})
            values[kind] = sum(_taken(as_this, message)[0] for message in said[:_TRIED])
        best = max(values, key=lambda kind: (values[kind], -len(of_kind[kind].sensors)), default="")
        if best and values[best]:
            found[name] = best
    return found


def _names_of(configuration: Configuration, text: str) -> Taken:
    keys: dict[str, frozenset[str]] = {}
    for section in _SECTIONS:
        part = re.search(rf"^{section}\s*:.*\n((?:[ \t#].*\n|\n)*)", text, re.MULTILINE)
        entries = re.findall(r"^ +([^\s#][^:]*):", part[1], re.MULTILINE) if part else []
        keys[section] = frozenset(entry.strip("\"'") for entry in entries)
    return Taken(frozenset(configuration.plant.devices), keys["kinds"], keys["lines"], keys["sources"])


def _below(path: Path, lines: Sequence[str], section: str, added: Sequence[str]) -> list[str]:
    """Return the lines of a file with some more at the end of a section, which is made where there is none."""
    start = next((place for place, line in enumerate(lines) if re.match(rf"{section}\s*:", line)), None)
    if start is None:
        return [*lines, *([] if not lines or lines[-1].endswith("\n") else ["\n"]), "\n", f"{section}:\n", *added]
    if not re.fullmatch(rf"{section}\s*:\s*(?:#.*)?\n?", lines[start]):
        expected = f"{section}: alone on its line, with its entries below it"
        raise BadValueError("--update", f"{path}:{start + 1}", expected)
    end = next((place for place in range(start + 1, len(lines)) if re.match(r"[^\s#]", lines[place])), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return [*lines[:end], *added, *lines[end:]]


def try_out(text: str, messages: Iterable[CapturedMessage]) -> Outcome:
    """Return what messages become under a plant file.

    Raises:
        ConfigError: the file has mistakes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plant.yaml"
        path.write_text(text, "utf-8")
        configuration = load(path, {})
    trial = Trial(configuration)
    count = understood = values = 0
    refused: Counter[str] = Counter()
    for message in messages:
        count += 1
        taken, reasons = _taken(trial, message)
        understood += taken > 0
        values += taken
        refused.update(reasons)
    return Outcome(count, understood, values, refused)


def _taken(trial: Trial, message: CapturedMessage) -> tuple[int, list[str]]:
    """Return how many values a message gives, and the reasons of what is refused."""
    try:
        decoded = trial.decode(message, message.at)
    except PayloadError as error:
        return 0, [error.reason]
    reasons = [value.reason.value for one in decoded.readings for value in one.refused]
    values = sum(len(one.values) for one in decoded.readings)
    return values, [*reasons, *(problem.reason for problem in decoded.problems)]


def _stranger(trial: Trial, message: CapturedMessage) -> str:
    """Return the device that a topic names and the plant does not have; empty for any other message."""
    route = trial.route(message.topic)
    name = trial.own_device(message.topic) or "" if route is None else route.device
    return "" if name in trial.devices or (route is not None and route.device_id is not None) else name
