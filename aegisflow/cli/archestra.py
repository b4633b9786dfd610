"""``aegisflow archestra``: what Archestra is told of a plant."""

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from aegisflow.archestra.api import ArchestraApi
from aegisflow.archestra.desired import VARIABLES, Secrets, desired
from aegisflow.archestra.export import MANIFEST, drift, export_files, recorded_placement, write_export
from aegisflow.archestra.placement import DEFAULT_NAME, make_placement
from aegisflow.archestra.reconcile import reconcile
from aegisflow.archestra.rules import proxy_policy
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.config import load
from aegisflow.errors import BadValueError

__all__ = ["archestra_app"]

Remote = Annotated[str, Parameter(help="MCP address of a serve that runs elsewhere; else Archestra runs it")]
Image = Annotated[str, Parameter(help="image that Archestra runs (default: aegisflow:latest)")]

archestra_app = App(name="archestra", help_format="plaintext")


@archestra_app.command
def export(
    folder: Annotated[Path, Parameter(name="DIR", help="folder of the Terraform module; made if it is not there")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
    remote: Remote = "",
    image: Image = "",
    name: Annotated[str, Parameter(help="in Archestra, of server, agent and gateway (default: aegisflow)")] = "",
    check: Annotated[bool, Parameter(negative="", help="write nothing; say what differs (exit code 1)")] = False,
) -> int:
    """Write a Terraform module, an OpenAPPA policy and a README from plant.yaml; the same plant gives the same bytes.

    What is left out is as the folder's last export had it.
    The environment does not override plant.yaml here; secrets become variables.
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


@archestra_app.command
def apply(
    url: Annotated[str, Parameter(name="URL", help="Archestra's address, such as http://localhost:9000")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
    remote: Remote = "",
    image: Image = "",
    name: Annotated[str, Parameter(help="in Archestra, of server, agent and gateway")] = DEFAULT_NAME,
    model: Annotated[str, Parameter(help="of the agent (default: Archestra's)")] = "",
    restrict: Annotated[bool, Parameter(negative="", help="make the organisation restrictive, for all tools")] = False,
    yes: Annotated[bool, Parameter(negative="", help="do it; without, the plan is shown and nothing changed")] = False,
) -> int:
    """Bring Archestra to what export writes, over its HTTP API; shows the plan, and changes only what is ours.

    Keys come from the environment: ARCHESTRA_API_KEY, and with --remote AEGISFLOW_TOKEN.
    What it says of MQTT_BROKER_HOST and the like is what the image is told.
    The exit code is 1 while something differs.
    """
    placement = make_placement(name, image, remote)
    token = os.environ.get("AEGISFLOW_TOKEN", "")
    if remote and not token:
        raise BadValueError("AEGISFLOW_TOKEN", "", "the token of that serve for agents, in the environment")
    configuration = load(plant, environ={})
    said = configuration.archestra
    policy = proxy_policy(configuration.plant, said.blocked, said.agent, configuration.agents)
    environment = {key: os.environ[key] for key in VARIABLES if os.environ.get(key)}
    wanted = desired(configuration, placement, policy, Secrets(token, model, environment))
    api = ArchestraApi(url, os.environ.get("ARCHESTRA_API_KEY", ""))
    walk = partial(reconcile, api, wanted, restrict=restrict, pause=partial(time.sleep, 2.0))
    plan = list(walk(apply=False))
    for change in plan:
        sys.stdout.write(f"{change}\n")
    if all(change.act == "keep" for change in plan):
        sys.stdout.write(f"{url}: nothing to change\n")
        return 0
    if not yes:
        sys.stdout.write("nothing was changed; --yes does it\n")
        return 1
    done = [change for change in walk(apply=True) if change.act != "keep"]
    sys.stdout.write(f"{url}: {len(done)} changes made\n")
    return 0
