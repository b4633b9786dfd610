"""``aegisflow audit``: whether the audit is whole, and the story of a command."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from aegisflow.api.schemas.audit import CommandStory
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.config import AuditSettings, StoreSettings, load, load_store
from aegisflow.errors import ConfigError, StoreError
from aegisflow.offline.progress import progress_bar
from aegisflow.plant.audit import check_file, export_command, head_file, seals_of, story_of, verify_audit, write_key

__all__ = ["audit_app", "store_and_keys"]

audit_app = App(name="audit", help_format="plaintext")


@audit_app.command
def verify(
    *,
    heads: Annotated[Path | None, Parameter(help="file with heads that a witness has kept, a line each")] = None,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Walk the audit and compare it with its exported heads (exit code 1: it is broken, or not proven)."""
    store, keys = store_and_keys(plant)
    seals = seals_of(keys)
    with progress_bar("verify") as progress:
        found = verify_audit(store, seals, progress, heads)
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
    if seals.can_check and not found.sealed:
        sys.stdout.write(
            f"NOT PROVEN: a key is known, and none of the {found.rows:,} rows is sealed yet; aegisflow seals from its "
            "next start on\n"
        )
        return 1
    by = f", {found.sealed:,} of them sealed" if found.sealed else ""
    sys.stdout.write(f"whole: {found.rows:,} rows{by}, and {found.exported:,} exported heads agree\n")
    if not seals.can_check:
        sys.stdout.write("no key is known: whoever owns the store and the heads could have written both anew\n")
    elif found.rows > found.sealed:
        sys.stdout.write(
            f"its first {found.rows - found.sealed:,} rows are from before the first seal: nothing proves that nobody "
            "has written them anew\n"
        )
    if found.behind:
        sys.stdout.write(
            f"the newest {found.behind:,} rows came after the last exported head: nothing proves their end\n"
        )
    return 0


@audit_app.command
def key(file: Annotated[Path, Parameter(help="to make, outside of the store's folder")]) -> int:
    """Make a key that seals the audit, and print its public part."""
    seals = write_key(file)
    sys.stdout.write(
        f"The secret key is in {file}; audit.key_file in plant.yaml names it, or AEGISFLOW_AUDIT_KEY carries it.\n"
        f"Its public part, by which anybody can check what it seals (key {seals.key_id}):\n\n  {seals.public}\n"
    )
    return 0


@audit_app.command
def export(
    command: Annotated[str, Parameter(help="id of the command, such as cmd-0123456789ab")],
    *,
    out: Annotated[Path | None, Parameter(help="file to write; left out, the id and .proof.json")] = None,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Write the proof of a command into one file: audit, approvals, policy, readings, sealed."""
    store, keys = store_and_keys(plant)
    text = export_command(store, seals_of(keys), command)
    file = out or Path(f"{command}.proof.json")
    try:
        file.write_text(text, "ascii")
    except OSError as error:
        raise StoreError(f"the proof {file} cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{file}: aegisflow audit check {file} --key PUBLIC_KEY checks it anywhere\n")
    return 0


@audit_app.command
def check(
    file: Annotated[Path, Parameter(help="that audit export wrote")],
    *,
    key: Annotated[
        tuple[str, ...], Parameter(negative="", help="public key that must have sealed it; several after a rotation")
    ],
) -> int:
    """Check the proof of a command by the public key alone, without a store (exit code 1: it proves nothing)."""
    found = check_file(file, key)
    if found.why_not:
        sys.stdout.write(f"PROVES NOTHING: {found.why_not}\n")
        return 1
    sys.stdout.write("\n".join(("holds:", *found.summary)) + "\n")
    return 0


@audit_app.command
def show(
    command: Annotated[str, Parameter(help="id of the command, such as cmd-0123456789ab")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Tell the whole story of one command: who did what, when and why."""
    story = CommandStory.of(command, story_of(store_and_keys(plant)[0], command))
    sys.stdout.write("\n".join(_lines(story)) + "\n")
    return 0


def store_and_keys(plant: Path) -> tuple[StoreSettings, AuditSettings]:
    """Return where the audit of a plant is and what seals it, as far as a file with mistakes tells.

    After an accident the file may be broken, and the audit is what is asked for.

    Raises:
        ConfigError: the file has mistakes, and neither it nor the environment says where the store is.
    """
    try:
        configuration = load(plant)
    except ConfigError as error:
        store, said = load_store(plant)
        if not said:
            raise
        sys.stderr.write(
            f"the file has mistakes ({error.mistakes[0]}): its store is read all the same; of its keys only that in "
            "AEGISFLOW_AUDIT_KEY is known\n"
        )
        return store, AuditSettings()
    return configuration.store, configuration.audit


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
