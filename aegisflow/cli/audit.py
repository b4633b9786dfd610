"""``aegisflow audit``: whether the audit is whole, and the story of a command."""

import sys
from pathlib import Path

from aegisflow.api.schemas.audit import CommandStory
from aegisflow.config import load
from aegisflow.offline.progress import progress_bar


def run_verify(plant: Path) -> int:
    """Say whether the audit is whole; 1 if it is not, or if nothing outside of the store can tell."""
    from aegisflow.plant.audit import head_file, verify_audit

    store = load(plant).store
    with progress_bar("verify") as progress:
        found = verify_audit(store, progress)
    if found.broken:
        sys.stdout.write(f"BROKEN after {found.rows:,} rows: {found.broken}\n")
        return 1
    if not found.exported:
        sys.stdout.write(
            f"NOT PROVEN: the {found.rows:,} rows agree with each other, but no exported head is there to compare them "
            f"with ({head_file(store) or 'store.audit_head is not set'}); rows may have been cut off the end, "
            "or all of them written anew\n"
        )
        return 1
    sys.stdout.write(f"whole: {found.rows:,} rows, and {found.exported:,} exported heads agree\n")
    if found.behind:
        sys.stdout.write(
            f"the newest {found.behind:,} rows came after the last exported head: nothing proves their end\n"
        )
    return 0


def run_show(plant: Path, command_id: str) -> int:
    """Tell the whole story of a command."""
    from aegisflow.plant.audit import story_of

    story = CommandStory.of(command_id, story_of(load(plant).store, command_id))
    sys.stdout.write("\n".join(_lines(story)) + "\n")
    return 0


def _lines(story: CommandStory) -> list[str]:
    """Return the command in a line, then its steps; whatever explains a step stands below it."""
    said = ", ".join(f"{name} {value}" for name, value in story.parameters.items())
    lines = [f"{story.command_id}: {story.command}{f' ({said})' if said else ''} on {story.device_id}", ""]
    for step in story.steps:
        lines.append(f"{step.at}  {step.act:<18} by {step.by}")
        lines += [f"{'':24}{reason}" for reason in step.reasons]
        if step.words_not_facts is not None:
            words = step.words_not_facts
            lines.append(f"{'':24}in the words of the {words.of} (not a fact): “{words.text}”")
    return lines
