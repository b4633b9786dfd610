"""Writes the export into a folder, and says what in it has drifted from ``plant.yaml``."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

from aegisflow.archestra.openappa import appa_policy, appa_traces
from aegisflow.archestra.placement import Placement
from aegisflow.archestra.readme import readme
from aegisflow.archestra.rules import proxy_policy
from aegisflow.archestra.terraform import terraform_files
from aegisflow.config.configuration import Configuration
from aegisflow.errors import BadValueError

__all__ = ["MANIFEST", "drift", "export_files", "recorded_placement", "write_export"]

MANIFEST = "export.json"
"""Says how the export was made and which files are its own, so that nobody else's is touched."""

_KEYS = ("name", "image", "remote")


def export_files(configuration: Configuration, placement: Placement) -> dict[str, str]:
    """Return all files: path below the folder to content. The same plant and placement give the same bytes."""
    policy = proxy_policy(
        configuration.plant, configuration.archestra.blocked, configuration.archestra.agent, configuration.agents
    )
    files = terraform_files(configuration, placement, policy)
    files["openappa/appa.toml"] = appa_policy(placement, policy)
    traces = appa_traces(placement, policy, configuration.plant)
    files |= {f"openappa/traces/{name}": text for name, text in traces.items()}
    files["README.md"] = readme(configuration, placement, policy)
    made = {key: getattr(placement, key) for key in _KEYS}
    files[MANIFEST] = json.dumps({**made, "files": sorted([*files, MANIFEST])}, indent=2, ensure_ascii=False) + "\n"
    return dict(sorted(files.items()))


def recorded_placement(folder: Path) -> dict[str, str]:
    """Return how the export in a folder was made, as keys of a placement; empty where there is none."""
    return {key: str(value) for key, value in _manifest(folder).items() if key in _KEYS}


def write_export(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write the files, remove those of an earlier export that are no more, and return what changed.

    Raises:
        BadValueError: the folder has a file of somebody else under a name that is needed; nothing was written.
    """
    own = _own(folder)
    foreign = [name for name in files if name not in own and _text(folder / name) not in (None, files[name])]
    if foreign:
        raise BadValueError("DIR", folder, f"a folder without a {foreign[0]} of your own; nothing was written")
    changed = []
    for name, text in files.items():
        if _text(folder / name) == text:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
        changed.append(f"wrote {name}")
    for name in sorted(own - files.keys()):
        if (folder / name).is_file():
            (folder / name).unlink()
            changed.append(f"removed {name}")
    return changed


def drift(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Return what differs between a folder and what would be written now, a line each."""
    found = []
    for name, text in files.items():
        there = _text(folder / name)
        if there is None:
            found.append(f"{name}: is missing")
        elif there != text:
            lines = list(difflib.unified_diff(there.splitlines(), text.splitlines(), lineterm="", n=0))[2:]
            away = sum(line.startswith("-") for line in lines)
            new = sum(line.startswith("+") for line in lines)
            first = next((line for line in lines if not line.startswith("@@")), "")
            found.append(f"{name}: {away} lines differ from {new} that plant.yaml gives; first: {first[:120]}")
    gone = sorted(name for name in _own(folder) - files.keys() if (folder / name).exists())
    return found + [f"{name}: plant.yaml no longer gives it" for name in gone]


def _own(folder: Path) -> set[str]:
    """Return the files of an earlier export; a path that leads out of the folder is never one."""
    names = _manifest(folder).get("files", [])
    listed = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    return {name for name in listed if not Path(name).is_absolute() and ".." not in Path(name).parts}


def _manifest(folder: Path) -> dict[str, object]:
    try:
        found = json.loads(_text(folder / MANIFEST) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str | None:
    """Return the text of a file as it is, line ends included; None where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
