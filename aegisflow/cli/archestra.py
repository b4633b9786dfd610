"""``aegisflow archestra``: what Archestra is told of a plant."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from aegisflow.archestra.export import MANIFEST, drift, export_files, recorded_placement, write_export
from aegisflow.archestra.placement import DEFAULT_NAME, make_placement
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.config import load

__all__ = ["archestra_app"]

archestra_app = App(name="archestra", help_format="plaintext")


@archestra_app.command
def export(
    folder: Annotated[Path, Parameter(name="DIR", help="folder of the Terraform module; made if it is not there")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
    remote: Annotated[str, Parameter(help="MCP address of a serve that runs elsewhere; else Archestra runs it")] = "",
    image: Annotated[str, Parameter(help="image that Archestra runs (default: aegisflow:latest)")] = "",
    name: Annotated[str, Parameter(help="in Archestra, of server, agent and gateway (default: aegisflow)")] = "",
    check: Annotated[bool, Parameter(negative="", help="write nothing; say what differs (exit code 1)")] = False,
) -> int:
    """Write a Terraform module, an OpenAPPA policy and a README from plant.yaml; the same plant gives the same bytes.

    What is left out is as the folder's last export had it. The environment does not override plant.yaml here, and
    secrets become variables.
    """
    asked = {"name": name, "image": image, "remote": remote}
    before = recorded_placement(folder)
    if image or remote:  # the plant runs in one place, so what was said before of the other no longer counts
        before.pop("image", None)
        before.pop("remote", None)
    placement = make_placement(**{"name": DEFAULT_NAME} | before | {key: said for key, said in asked.items() if said})
    files = export_files(load(plant, environ={}), placement)
    if check:
        found = drift(folder, files)
        sys.stdout.write("\n".join(found or [f"{folder}: as plant.yaml says"]) + "\n")
        return 1 if found else 0
    changed = write_export(folder, files)
    sys.stdout.write("\n".join(changed or [f"{folder}: nothing changed"]) + "\n")
    if f"wrote {MANIFEST}" in changed:
        sys.stdout.write(f"{folder / 'README.md'} says how to apply it\n")
    return 0
