"""A picture of each device of a backtest: its sensors, what is usual for them, the alarms, and the labels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import SensorSpec
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.labels import Episode
from aegisflow.offline.backtest.traces import Trace

_INK, _PAPER, _FAINT = "#222222", "#ffffff", "#8a8a8a"
"""Paper of its own, so that a picture reads the same on a light page and on a dark one."""
_WIDTH, _HEIGHT = 12.0, 1.9
_DPI = 110
_A_PAGE = 12
"""Sensors on one picture."""
_NAMED = 40
"""Alarms and labels that are named: more of them could not be read."""


def write_pictures(
    folder: Path, traces: dict[str, Trace], alarms: Sequence[Alarm], episodes: Sequence[Episode]
) -> list[Path]:
    """Write ``<device>.png`` for each device, ``<device>-2.png`` and so on beyond twelve sensors, and return the files.

    Normal bands are shaded, alarm limits dashed and trip limits solid; alarms are hatched bands with their type and
    id written on them, labels are bars on top: neither hangs on its colour.

    Raises:
        RecordingError: matplotlib is not installed, or the folder cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        found = "no matplotlib"
        raise RecordingError(folder, None, found, "the extra of pictures: pip install 'aegisflow[plot]'") from error
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for device_id, trace in traces.items():
            mine = [alarm for alarm in alarms if alarm.device_id == device_id]
            labels = [episode for episode in episodes if episode.device_id == device_id]
            names = list(trace.sensors)
            pages = [names[first : first + _A_PAGE] for first in range(0, len(names), _A_PAGE)] or [[]]
            for number, shown in enumerate(pages, start=1):
                size = (_WIDTH, _HEIGHT * max(1, len(shown)) + 0.8)
                figure = Figure(figsize=size, dpi=_DPI, facecolor=_PAPER, layout="constrained")
                FigureCanvasAgg(figure)
                title = f"{device_id}: {_counted(len(mine), 'alarm')}, {len(labels)} labelled"
                _draw(figure, title + (f", page {number} of {len(pages)}" if len(pages) > 1 else ""), trace, shown)
                for axis in figure.axes:
                    _mark(axis, mine, labels, trace.last_at)
                _name(figure.axes[0], mine, labels)
                path = folder / f"{_file_name(device_id)}{f'-{number}' if number > 1 else ''}.png"
                figure.savefig(path)
                written.append(path)
    except OSError as error:
        raise RecordingError(folder, None, error.strerror or str(error), "a folder to write to") from None
    return written


def _draw(figure: Any, title: str, trace: Trace, names: Sequence[str]) -> None:
    axes = figure.subplots(max(1, len(names)), 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(title, color=_INK)
    for axis, name in zip(axes, names, strict=False):
        series, spec = trace.sensors[name], trace.specs.get(name)
        times = [_moment(at) for at in series.at]
        axis.set_facecolor(_PAPER)
        axis.fill_between(times, series.low, series.high, color="#9db8d2", linewidth=0, label="lowest to highest")
        axis.plot(times, series.mean, color="#1f4e79", linewidth=0.8, label="mean")
        axis.plot(times, series.level, color=_INK, linewidth=1.0, linestyle="--", label="usual")
        if spec is not None:
            _limit(axis, spec)
        axis.set_ylabel(f"{name}\n{spec.unit}" if spec is not None and spec.unit else name, color=_INK, fontsize=8)
        axis.tick_params(colors=_INK, labelsize=7)
        axis.grid(color="#dddddd", linewidth=0.5)
    axes[0].legend(loc="upper left", fontsize=7, ncols=6, framealpha=0.8)


def _limit(axis: Any, spec: SensorSpec) -> None:
    """Draw the normal band and the limits of a sensor, each where the plant gives it."""
    for limits, style, name in ((spec.alarm, "--", "alarm limit"), (spec.trip, "-", "trip limit")):
        for limit in (limits.low, limits.high):
            if limit is not None:
                axis.axhline(limit, color="#b3261e", linewidth=0.9, linestyle=style, label=name)
                name = f"_{name}"  # one entry of the legend for both
    low, high = spec.normal.low, spec.normal.high
    bounds = [bound for bound in (low, high) if bound is not None]
    if bounds:
        bottom, top = axis.get_ylim()
        bottom, top = min(bottom, *bounds), max(top, *bounds)
        shown = bottom if low is None else low, top if high is None else high
        axis.axhspan(*shown, facecolor="#dcead7", linewidth=0, zorder=0, label="normal")
        axis.set_ylim(bottom, top)


def _name(axis: Any, alarms: Sequence[Alarm], labels: Sequence[Episode]) -> None:
    """Write what each alarm and each label is."""
    for place, alarm in enumerate(alarms[:_NAMED]):
        _write(axis, alarm.raised_at, 0.03 + 0.11 * (place % 3), f"ALARM {alarm.fault_type} {alarm.alarm_id}")
    for episode in labels[:_NAMED]:
        _write(axis, episode.start, 0.86, f"label {episode.kind or 'fault'}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _write(axis: Any, at: float, height: float, text: str) -> None:
    axis.annotate(text, (_moment(at), height), xycoords=("data", "axes fraction"), fontsize=7, color=_INK)


def _mark(axis: Any, alarms: Sequence[Alarm], labels: Sequence[Episode], last_at: float) -> None:
    for alarm in alarms:
        end = last_at if alarm.cleared_at is None else alarm.cleared_at
        axis.axvspan(
            _moment(alarm.raised_at), _moment(end), facecolor="none", edgecolor="#b3261e", hatch="///", linewidth=0.8
        )
    for episode in labels:
        axis.axvspan(_moment(episode.start), _moment(episode.end), ymin=0.94, color=_FAINT, linewidth=0)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _file_name(device_id: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in device_id)[:80] or "device"
