"""``aegisflow audit``: whether the audit is whole, and the story of a command."""

import sys
from pathlib import Path

from aegisflow.config import load
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import printable
from aegisflow.offline.progress import progress_bar

_WORDS = 2_000
"""Of an agent's justification that are shown."""


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

    entries = story_of(load(plant).store, command_id)
    sys.stdout.write("\n".join(_told(entries, command_id)) + "\n")
    return 0


def _told(entries: tuple[AuditEntry, ...], command_id: str) -> list[str]:
    first = entries[0].detail
    parameters = first.get("parameters")
    said = ", ".join(f"{name} {value}" for name, value in parameters.items()) if isinstance(parameters, dict) else ""
    lines = [f"{command_id}: {first.get('command')}{f' ({said})' if said else ''} on {entries[0].subject}", ""]
    for entry in entries:
        act = entry.act.removeprefix("command_").replace("_", " ")
        lines.append(f"{format_instant(entry.at)}  {act:<18} by {printable(entry.actor, 80)}")
        reasons = entry.detail.get("reasons")
        lines += [f"{'':24}{printable(str(reason), 300)}" for reason in reasons] if isinstance(reasons, list) else []
        if "justification" in entry.detail:
            words = printable(str(entry.detail["justification"]), _WORDS)
            lines.append(f"{'':24}in the words of the {entry.detail.get('kind', 'caller')} (not a fact): “{words}”")
    return lines
