"""Six recordings through ``aegisflow backtest`` of both versions: alarms and scores, byte by byte."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.same_behaviour.checkout import Checkout

VARIANTS = ("missing_values_5pct", "load_steps", "autocorrelated", "two_at_once")
FOREIGN = "no plant"
FOREIGN_COLUMNS = ("Date", "Device", "T1", "p_in", "vib", "kW")
RECORDINGS = ("reference day", *VARIANTS, FOREIGN)


def differences(old: Checkout, new: Checkout, folder: Path, progress: Callable[[float], None]) -> Iterator[str]:
    """Yield what differs; the recordings are those of the old version."""
    done, steps = 0, 4 * len(RECORDINGS)
    for name in RECORDINGS:
        written: list[list[bytes]] = []
        for which, checkout in (("before", old), ("now", new)):
            day = folder / which / f"{name}.csv"
            day.parent.mkdir(exist_ok=True)
            _write(checkout, name, day)
            done += 1
            progress(done / steps)
            written.append([day.read_bytes(), *_backtest(checkout, name, folder / "before" / f"{name}.csv", day)])
            done += 1
            progress(done / steps)
        for what, before, now in zip(("recording", "alarms", "scores"), *written, strict=True):
            if before != now:
                yield f"{name}: {what} differ: {_first_difference(before, now)}"
        if written[0][1].count(b"\n") < 2:
            yield f"{name}: no alarm at all, so nothing was compared"


def _write(checkout: Checkout, name: str, day: Path) -> None:
    variant = ["--variant", name] if name in VARIANTS else []
    _whole(checkout.run("dataset", str(day), *variant, module="simulator"), day)
    if name == FOREIGN:
        _make_foreign(day)


def _make_foreign(day: Path) -> None:
    """Turn a day into a file that no plant knows: other names, another order, decimal commas, holes, a second header.

    Bad values and mixed notations are left out: how those are read was changed on purpose since.
    """
    rows = list(csv.reader(day.read_text("utf-8").splitlines()))[1:]
    with day.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(FOREIGN_COLUMNS)
        for number, (at, device, temperature, pressure, vibration, _, power, *_) in enumerate(rows):
            values = [value.replace(".", ",") for value in (temperature, pressure, vibration, power)]
            if number % 97 == 0:
                values[number % 4] = ""
            if number == len(rows) // 2:
                writer.writerow(FOREIGN_COLUMNS)  # as where two exports were joined
            writer.writerow((at.replace("T", " ").rstrip("Z"), device, *values))


def _backtest(checkout: Checkout, name: str, recording: Path, day: Path) -> list[bytes]:
    alarms, scores = day.with_suffix(".alarms.csv"), day.with_suffix(".scores.csv")
    plant = [] if name == FOREIGN else ["--plant", str(checkout.root / "config" / "plant.yaml")]
    outputs = ["--alarms", str(alarms), "--scores", str(scores)]
    done = checkout.run("backtest", str(recording), *plant, *outputs)
    _whole(done, scores)
    return [alarms.read_bytes(), scores.read_bytes()]


def _whole(done: object, expected: Path) -> None:
    code, errors = getattr(done, "returncode", 1), getattr(done, "stderr", "")
    if code or not expected.exists():
        raise SystemExit(f"{expected.name} was not written (exit code {code}): {errors[-2_000:]}")


def _first_difference(before: bytes, now: bytes) -> str:
    old, new = before.splitlines(), now.splitlines()
    for number, (one, other) in enumerate(zip(old, new, strict=False), start=1):
        if one != other:
            return f"line {number}: {one[:200]!r} before, {other[:200]!r} now"
    return f"{len(old)} lines before, {len(new)} now"
