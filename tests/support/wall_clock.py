"""The wall's clock of a process under test, which can be set while it runs: libfaketime, of Debian's ``faketime``."""

from pathlib import Path

import pytest


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("faketime is not installed")
    return found[0]


class SetClock:
    """A clock that is right until it is set; the monotonic one is never touched."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self.set(0.0)

    def set(self, off_s: float) -> None:
        """Set it to so many seconds ahead of the right time, from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{off_s:+.3f}\n", "utf-8")
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What the process must be started with."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
