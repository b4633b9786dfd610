"""A checkout of AegisFlow, and how its programs are run with its own code and nobody else's."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """One version of the code in a folder of its own."""

    root: Path
    python: str = sys.executable

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which ``import aegisflow`` finds this checkout."""
        # COLUMNS, or tables would break their lines where the terminal of whoever compares ends.
        return {**os.environ, "PYTHONPATH": str(self.root), "COLUMNS": "200", **more}

    def command(self, *arguments: str, module: str = "aegisflow") -> list[str]:
        return [self.python, "-m", module, *arguments]

    def run(self, *arguments: str, module: str = "aegisflow", **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the checkout to its end, in the checkout's folder; a failure is the caller's to judge."""
        return subprocess.run(
            self.command(*arguments, module=module),
            cwd=self.root,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
