"""Compares two checkouts: ``python -m benchmarks.same_behaviour OLD NEW [--only PART ...] [--keep FOLDER]``.

backtest  alarms and scores of six recordings, byte by byte
story     a day with faults, commands, reports and people, played on a fresh store of each version
store     the store that the old version wrote in that story, opened by both: everything that agents
          and operators can ask, over MCP, HTTP and the command line

Exit code 0: no difference; 1: there are some, and they were printed.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from aegisflow.domain.times import parse_instant
from aegisflow.offline.progress import progress_bar
from benchmarks.same_behaviour import recordings, session, story, transcript
from benchmarks.same_behaviour.checkout import Checkout
from benchmarks.same_behaviour.stage import Stage, plant_text
from benchmarks.same_behaviour.transcript import Transcript

PARTS = ("backtest", "story", "store")
_PAUSE_S = 60.0
"""Between the end of the story and the session on its store."""


def compare_stories(old: Checkout, new: Checkout, folder: Path) -> Iterator[str]:
    """Play the story on a fresh store of each version."""
    day = _day(old, folder)
    written = []
    for which, checkout in (("before", old), ("now", new)):
        written.append(_play(checkout, plant_text(old), folder / f"story-{which}", day))
    yield from transcript.differences(*written)


def compare_stores(old: Checkout, new: Checkout, folder: Path) -> Iterator[str]:
    """Let the old version write a store, and ask both about it."""
    source = folder / "story-before"
    if not (source / "aegisflow.db").exists():
        _play(old, plant_text(old), source, _day(old, folder))
    written = []
    for which, checkout in (("before", old), ("now", new)):
        own = folder / f"store-{which}"
        shutil.copytree(source, own)
        written.append(_ask(checkout, plant_text(old), own))
    yield from transcript.differences(*written)


def _play(checkout: Checkout, plant: str, folder: Path, day: Path) -> Transcript:
    folder.mkdir()
    said = Transcript(str(folder))
    with progress_bar(f"story, {folder.name}") as progress, Stage(checkout, plant, folder, said) as stage:
        story.tell(stage, day, progress)
    return _kept(said, folder)


def _ask(checkout: Checkout, plant: str, folder: Path) -> Transcript:
    said = Transcript(str(folder))
    with progress_bar(f"session, {folder.name}") as progress, ExitStack() as life:
        stage = life.enter_context(Stage(checkout, plant, folder, said))
        newest = stage.operator("GET", "commands?limit=200")[1]["commands"]
        at = max(parse_instant(one["proposed_at"]) for one in newest)
        session.ask(stage, at + _PAUSE_S, progress)
        commands = [one["command_id"] for one in stage.operator("GET", "commands?limit=200")[1]["commands"]]
        life.close()
        session.after(stage, sorted(commands, key=said.number))
    return _kept(said, folder)


def _kept(said: Transcript, folder: Path) -> Transcript:
    (folder / "transcript.json").write_text(json.dumps(said.entries, indent=1, ensure_ascii=False), "utf-8")
    return said


def _day(old: Checkout, folder: Path) -> Path:
    day = folder / "day.csv"
    if not day.exists() and old.run("dataset", str(day), module="simulator").returncode:
        raise SystemExit(f"{old.root}: the reference day could not be written")
    return day


def compare_backtests(old: Checkout, new: Checkout, folder: Path) -> Iterator[str]:
    """Run six recordings through both versions."""
    with progress_bar("backtest") as progress:
        yield from recordings.differences(old, new, folder, progress)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.same_behaviour",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", type=Path, help="folder of the version before")
    parser.add_argument("new", type=Path, help="folder of the version now")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="some of the parts")
    parser.add_argument("--keep", type=Path, help="empty folder for stores, logs and transcripts (default: none)")
    options = parser.parse_args()
    old, new = Checkout(options.old.resolve()), Checkout(options.new.resolve())
    for checkout in (old, new):
        if not (checkout.root / "aegisflow").is_dir():
            parser.error(f"{checkout.root} is no checkout: it has no folder aegisflow")
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        parser.error(f"{options.keep} is not empty")
    compare = {"backtest": compare_backtests, "story": compare_stories, "store": compare_stores}
    found = 0
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.only:
            differences = list(compare[part](old, new, folder))
            found += len(differences)
            print(f"{part}: {len(differences) or 'no'} differences")
            for one in differences:
                print(f"\n  {one}")
            sys.stdout.flush()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
