"""Compiles the core: into ``build/`` for a checkout (``make setup``), and as a hook of Hatch into a wheel.

    python hatch_build.py

It compiles what has changed, and says in one line what runs from now on. Where there is no C compiler, and where
AEGISFLOW_PURE is set, that is pure Python, and the wheel is one for every platform.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from aegisflow import compiled  # noqa: E402

BUILT = ROOT / "build" / "compiled"
_KEPT = 4
"""Folders that are kept, for whoever goes to and fro between branches."""
_COMPILER = ["-O2", "-g0", "-Wno-error", "-ffp-contract=off"]
"""The last one: a processor that can multiply and add in one step rounds once, where Python rounds twice."""
_CHECKER = ["--config-file=", "--strict", "--ignore-missing-imports"]


class NotCompiledError(Exception):
    """Why the core cannot be compiled here, in words."""


class CoreHook(BuildHookInterface[Any]):
    """Puts the compiled core into a wheel, which is then one for this platform."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what building needs; Hatch asks."""
        return [] if _obstacle() else ["mypy[mypyc]>=2"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled core to a wheel; a checkout that is installed as such has its own."""
        if version == "editable":
            return
        try:
            folder = compile_core()
        except NotCompiledError as why:
            self.app.display_info(f"The wheel is pure Python: {why}")
            return
        build_data["force_include"][str(folder)] = f"aegisflow/_compiled/{folder.name}"
        build_data["pure_python"], build_data["infer_tag"] = False, True


def compile_core() -> Path:
    """Return the folder with the compiled core of the sources as they are; compile them if there is none.

    Raises:
        NotCompiledError: there is no compiler, or it is not wanted, or it failed.
    """
    if why := _obstacle():
        raise NotCompiledError(why)
    folder = BUILT / compiled.key()
    if compiled.Compiled(folder).is_whole:
        os.utime(folder)
        return folder
    BUILT.mkdir(parents=True, exist_ok=True)
    # In a folder of its own, so that nobody finds half of it, and of a copy, which nobody edits meanwhile.
    with tempfile.TemporaryDirectory(dir=BUILT, prefix=".") as work:
        package = Path(work, "aegisflow")
        shutil.copytree(ROOT / "aegisflow" / "domain", package / "domain", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("__init__.py", "compiled.py", "errors.py"):
            shutil.copy(ROOT / "aegisflow" / name, package)
        folder = BUILT / compiled.key(package)
        done = subprocess.run(
            [sys.executable, __file__, "--here"], cwd=work, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotCompiledError(f"compiling failed:\n{(done.stdout + done.stderr)[-2000:]}")
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # somebody else has just put the same there
            Path(work, "compiled").rename(folder)
    for old in sorted(BUILT.glob("[!.]*"), key=lambda one: -one.stat().st_mtime)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _obstacle() -> str:
    """Return what keeps the core from being compiled, empty for nothing."""
    if os.environ.get(compiled.SWITCH):
        return f"{compiled.SWITCH} is set"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "there is no Python.h (Debian: python3-dev)"
    return ""


def _compile_here() -> None:
    """Compile the sources in the current folder, where mypyc writes a lot; the libraries are then in ``compiled``."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    sources = [name.replace(".", "/") + ".py" for name in compiled.MODULES]
    extensions = mypycify([*_CHECKER, *sources], opt_level="2", debug_level="0", group_name=compiled.GROUP)
    for extension in extensions:
        extension.extra_compile_args = [*(extension.extra_compile_args or ()), *_COMPILER]
    command = build_ext(Distribution({"name": compiled.GROUP, "ext_modules": extensions}))
    command.build_lib, command.build_temp = "built", "temporary"
    command.ensure_finalized()
    command.run()
    folder = Path("compiled")
    folder.mkdir()
    for name, file in compiled.files(folder).items():
        Path(command.get_ext_fullpath(name)).rename(file)


def main() -> None:
    """Compile, and say in one line what runs; that there is no compiler is no error."""
    try:
        print(f"AegisFlow runs compiled, from {compile_core().relative_to(ROOT)}")
    except NotCompiledError as why:
        print(f"AegisFlow runs in pure Python: {why}")


if __name__ == "__main__":
    _compile_here() if sys.argv[1:] == ["--here"] else main()
