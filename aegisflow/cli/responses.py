"""The master alarm table of a plant file, from the command line: to a spreadsheet and back."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.offline.responses import export_responses, import_responses

__all__ = ["responses_app"]

responses_app = App(
    name="responses",
    help="What to do about each fault, the master alarm table of ISA-18.2: to a spreadsheet and back.",
    help_format="plaintext",
)


@responses_app.command(name="export")
def export(
    file: Annotated[Path | None, Parameter(help="CSV to write; left out, it is printed")] = None,
    *,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Write the table of a plant file as CSV."""
    text = export_responses(plant)
    if file is None:
        sys.stdout.write(text)
    else:
        # A spreadsheet on Windows takes a file without this mark for another encoding.
        file.write_text(text, encoding="utf-8-sig", newline="")
    return 0


@responses_app.command(name="import")
def import_(
    file: Annotated[Path, Parameter(help="CSV as export writes it")],
    *,
    write: Annotated[bool, Parameter(negative="", help="change the file; left out, the change is printed")] = False,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Show how a table would change a plant file, or change it."""
    text, diff = import_responses(file, plant)
    sys.stdout.write(diff or "nothing differs\n")
    if write and diff:
        there = plant.resolve()
        fresh = there.with_name(f"{there.name}.{os.getpid()}")
        # A plant that runs reads it when it is saved: there is the old file or the new one, never a part.
        fresh.write_text(text, encoding="utf-8", newline="")
        shutil.copymode(there, fresh)
        fresh.replace(there)
    return 0
