"""One digest of what a recording gives, from runs that share nothing but the file.

Alarms must not hang on the order of a set, on what ran before in the same interpreter, or on anything out
there. So the recording is run in fresh interpreters with different hash seeds, in which the network is out of
reach; where all of them agree, the digest of alarms and scores stands for the detection as it is.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any

from aegisflow.errors import AegisFlowError, RecordingError
from aegisflow.offline.recordings.options import ReadingOptions

HASH_SEEDS = (1, 2)
_FILES = ("alarms.csv", "scores.csv")
_OUT_OF_REACH = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")
"""Beginnings of the audit events of whatever could ask somebody else."""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What the runs gave."""

    digest: str
    """SHA-256, in hexadecimal, of the alarms and the scores of the first run as CSV."""
    difference: str
    """The first lines that are not alike; empty where the runs agree."""

    @property
    def agree(self) -> bool:
        """Whether all runs gave the same."""
        return not self.difference


def record(recording: Path, plant: Path | None, options: ReadingOptions) -> RecordOutcome:
    """Run a recording once for each hash seed and return the digest.

    Raises:
        RecordingError: a run could not read the file, or reached for the network; with its own words.
    """
    request = {"recording": str(recording), "plant": None if plant is None else str(plant), "options": asdict(options)}
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder, str(seed)) for seed in HASH_SEEDS]
        for seed, place in zip(HASH_SEEDS, places, strict=True):
            place.mkdir()
            _run(recording, {**request, "folder": str(place)}, seed)
        digest = sha256()
        for name in _FILES:
            digest.update(f"{name}\n".encode())
            digest.update(places[0].joinpath(name).read_bytes())
        differences = (difference_of(name, places) for name in _FILES)
        return RecordOutcome(digest.hexdigest(), next(filter(None, differences), ""))


def _run(recording: Path, request: dict[str, object], seed: int) -> None:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", __name__],
        input=json.dumps(request),
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise RecordingError(recording, None, said[0], "a recording that backtest can read")


def difference_of(name: str, places: Sequence[Path]) -> str:
    """Return the first lines of a file in which the runs differ; empty for none."""
    texts = [place.joinpath(name).read_text(encoding="utf-8").splitlines() for place in places]
    for number, lines in enumerate(zip_longest(*texts, fillvalue="(no line)"), start=1):
        if len(set(lines)) > 1:
            return f"{name}:{number}: {' and '.join(map(repr, lines))}"
    return ""


def forbid_others(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse, as an audit hook, whatever could ask somebody else.

    Raises:
        RuntimeError: the program reached for the network or for another program.
    """
    if event.startswith(_OUT_OF_REACH):
        raise RuntimeError(f"a run that is recorded reached for {event}")


def _run_here(request: dict[str, Any]) -> None:
    from aegisflow.config import load
    from aegisflow.offline.backtest.run import backtest

    sys.addaudithook(forbid_others)
    folder, plant, said = Path(request["folder"]), request["plant"], request["options"]
    options: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    backtest(
        Path(request["recording"]),
        plant=None if plant is None else load(Path(plant)).plant,
        alarms=folder / _FILES[0],
        scores=folder / _FILES[1],
        options=ReadingOptions(**options),
    )


if __name__ == "__main__":
    try:
        _run_here(json.load(sys.stdin))
    except AegisFlowError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
