"""The compiled core: the modules that every reading goes through, as mypyc has compiled them.

::

    aegisflow/domain/...        the sources: what people read and edit, and what runs anywhere
    build/compiled/KEY/         what ``make setup`` has compiled, beside the sources of a checkout
    aegisflow/_compiled/KEY/    what a wheel for one platform brings

KEY is a digest of these very sources and of the interpreter. Compiled modules are taken only from a folder of that
name, all of them or none, so that they never stand for sources that have been edited since. Where there is no such
folder, and where AEGISFLOW_PURE is set, the sources run as they are. Both say the same to the last bit.
"""

import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["GROUP", "MODULES", "SWITCH", "Compiled", "described", "files", "key", "take"]

SWITCH = "AEGISFLOW_PURE"
"""Environment variable that, set to anything, has pure Python run, and built into a wheel."""
GROUP = "aegisflow_core"
"""What mypyc names the library after that its modules share."""
_DETECTION = (
    *(
        "alarm_levels",
        "baseline",
        "commissioning",
        "device",
        "drift",
        "dwelling",
        "evidence",
        "fault_types",
        "flatline",
    ),
    *(
        "gross_jumps",
        "kept_rows",
        "kinds",
        "known_states",
        "limits",
        "load",
        "multivariate",
        "normal",
        "normal_model",
        "oscillation",
    ),
    *("own_past", "refusals", "run_up", "seasons", "sensor", "set_points", "shift", "unclassified", "undescribed"),
    "zscore",
)
MODULES = (
    *(f"aegisflow.domain.detection.{name}" for name in _DETECTION),
    *(f"aegisflow.domain.alarms.{name}" for name in ("book", "device_alarms", "on_delay", "register", "type_times")),
    "aegisflow.domain.commands.state_machine",
    "aegisflow.domain.device",
    *(f"aegisflow.domain.{name}" for name in ("cells", "interval", "lasting", "sender_clock", "timeline", "windows")),
)
"""What is compiled: where most of the time goes that a reading takes, and what is called from there."""
_PACKAGE = Path(__file__).parent
_FOLDERS = (_PACKAGE / "_compiled", _PACKAGE.parent / "build" / "compiled")


class Compiled:
    """Finds compiled modules where Python looks for those of their names."""

    def __init__(self, folder: Path) -> None:
        self._files = files(folder)

    @property
    def is_whole(self) -> bool:
        """Whether the folder has all of them: one alone does not fit into sources."""
        return all(file.exists() for file in self._files.values())

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return where a module is; None for those that are not compiled."""
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)


def files(folder: Path) -> dict[str, Path]:
    """Return the names of all that is compiled, with the files that they have in a folder."""
    return {name: folder / f"{name}{EXTENSION_SUFFIXES[0]}" for name in (*MODULES, f"{GROUP}__mypyc")}


def key(package: Path = _PACKAGE) -> str:
    """Return a digest of all that the compiled modules of a package are made from.

    The whole of ``domain/`` counts and not only what is compiled: the compiler takes types and constants from the rest.
    """
    digest = blake2b(f"{EXTENSION_SUFFIXES[0]} {sys.hexversion:x}".encode(), digest_size=12)
    for path in (package / "compiled.py", package / "errors.py", *sorted((package / "domain").rglob("*.py"))):
        digest.update(b"\0%s\0%s" % (path.relative_to(package).as_posix().encode(), path.read_bytes()))
    return digest.hexdigest()


def take() -> None:
    """Have Python import the compiled modules of these sources from now on, if there are any and they are wanted."""
    if os.environ.get(SWITCH) or not any(folder.exists() for folder in _FOLDERS):
        return
    name = key()
    for folder in _FOLDERS:
        found = Compiled(folder / name)
        if found.is_whole:
            sys.meta_path.insert(0, found)
            return


def described() -> str:
    """Return which core runs: ``compiled`` or ``pure Python``."""
    return "compiled" if any(isinstance(finder, Compiled) for finder in sys.meta_path) else "pure Python"
