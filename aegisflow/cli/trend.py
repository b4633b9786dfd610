"""What a sensor has shown, drawn in one line of a terminal."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.periods import short_duration
from aegisflow.api.schemas.trends import TrendBand, TrendLine, TrendSummary
from aegisflow.api.text import describe_limits
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl, seconds_of
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.equipment import Limits
from aegisflow.domain.times import format_duration, format_instant

__all__ = ["sparkline", "trend"]

BLOCKS = "▁▂▃▄▅▆▇█"
STEPS = "_.-=+*#@"
"""The same where a terminal cannot show those."""
MOST_COLUMNS = 120


def trend(
    device: Annotated[str, Parameter(help="such as pump-02")],
    sensor: Annotated[str | None, Parameter(help="such as vibration; left out, each that it has")] = None,
    *,
    last: Annotated[str, Parameter(help="how far back: 30min, 4h, 7d")] = "4h",
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Draw what a sensor has shown, beside its limits; return the exit code."""
    last_s = seconds_of("--last", short_duration(last), "30min, 4h or 7d")
    columns = max(10, min(MOST_COLUMNS, shutil.get_terminal_size().columns - 4))
    which = {"id": device, "sensor": sensor or "", "last_s": f"{last_s:g}", "points": columns}
    answer = OperatorClient(plant, url).call(ends.SHOW_TREND, which)
    print_answer(answer, _drawn(answer, columns, _blocks()), as_json=as_json)
    return 0


def _blocks() -> str:
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return STEPS
    return BLOCKS


def _drawn(answer: TrendSummary, columns: int, blocks: str) -> Iterable[str]:
    over = format_duration(answer.end - answer.start)
    by_minutes = "" if answer.resolution == "raw" else ", partly minutes' averages"
    yield f"{answer.device_id}, {over} up to {format_instant(answer.end)}{by_minutes}"
    for line in answer.sensors:
        yield f"{line.sensor}{f', {line.unit}' if line.unit else ''}"
        if line.least is None or line.most is None or line.average is None:
            yield "  no values"
            continue
        drawn, beyond = sparkline(line, answer.start, answer.end, columns, blocks, answer.gaps)
        yield f"  {drawn}"
        if beyond.strip():
            yield f"  {beyond}"
        yield f"  min {line.least:.5g}, average {line.average:.5g}, max {line.most:.5g}, newest {line.mean[-1]:.5g}"
        limits = (("normal", line.normal), ("alarm limit", line.alarm), ("trip", line.trip))
        texts = [f"{name} {text}" for name, band in limits if (text := _text(band))]
        if texts:
            yield f"  {', '.join(texts)}{'; ! is beyond the alarm limit' if beyond.strip() else ''}"


def _text(band: TrendBand) -> str | None:
    return describe_limits(Limits(band.low, band.high))


def sparkline(
    line: TrendLine,
    start: float,
    end: float,
    columns: int,
    blocks: str = BLOCKS,
    gaps: Sequence[tuple[float, float]] = (),
) -> tuple[str, str]:
    """Return a sensor as a line of blocks, and below each block a mark where it is beyond the alarm limit.

    A column shows the value of its time that is farthest from the average of the whole, so that no peak is lost.
    Between two values the one before holds; only ``gaps``, in which readings are missing, are blank. The lowest block
    is the least value of the period and the highest the most.
    """
    average = line.average or 0.0
    shown: list[float | None] = [None] * columns
    beyond = [" "] * columns
    for at, low, high in zip(line.at, line.low, line.high, strict=True):
        column = min(columns - 1, max(0, int((at - start) / (end - start) * columns)))
        farthest = max((low, high, *_value(shown, column)), key=lambda value: abs(value - average))
        shown[column] = farthest
        if (line.alarm.low is not None and low < line.alarm.low) or (
            line.alarm.high is not None and high > line.alarm.high
        ):
            beyond[column] = "!"
    _hold(shown, beyond, start, (end - start) / columns, gaps)
    least, most = line.least or 0.0, line.most or 0.0
    drawn = "".join(" " if value is None else _block(value, least, most, blocks) for value in shown)
    return drawn, "".join(beyond).rstrip()


def _hold(
    shown: list[float | None], beyond: list[str], start: float, width_s: float, gaps: Sequence[tuple[float, float]]
) -> None:
    """Fill the columns between two values, in which a sensor that reports less often has merely said nothing new."""
    filled = [column for column, value in enumerate(shown) if value is not None]
    for before, after in pairwise(filled):
        for column in range(before + 1, after):
            at = start + (column + 0.5) * width_s
            if not any(begin <= at < end for begin, end in gaps):
                shown[column], beyond[column] = shown[before], beyond[before]


def _value(shown: Sequence[float | None], column: int) -> tuple[float, ...]:
    value = shown[column]
    return () if value is None else (value,)


def _block(value: float, least: float, most: float, blocks: str) -> str:
    share = (value - least) / (most - least) if most > least else 0.0
    return blocks[min(len(blocks) - 1, int(share * len(blocks)))]
