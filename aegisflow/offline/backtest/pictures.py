"""A picture of each device of a backtest: its sensors, what is usual for them, the alarms, and the labels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aegisflow.domain.alarms.model import Alarm
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.labels import Episode
from aegisflow.offline.backtest.traces import Trace

_INK, _PAPER, _FAINT = "#222222", "#ffffff", "#8a8a8a"
"""Paper of its own, so that a picture reads the same on a light page and on a dark one."""
_WIDTH, _HEIGHT = 12.0, 1.9
_DPI = 110


def write_pictures(
    folder: Path, traces: dict[str, Trace], alarms: Sequence[Alarm], episodes: Sequence[Episode]
) -> list[Path]:
    """Write ``<device>.png`` for each device and return the files.

    Alarms are hatched bands with their type written on them, labels are bars on top: neither hangs on
    its colour.

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
            rows = max(1, len(trace.sensors))
            figure = Figure(figsize=(_WIDTH, _HEIGHT * rows + 0.8), dpi=_DPI, facecolor=_PAPER, layout="constrained")
            FigureCanvasAgg(figure)
            mine = [alarm for alarm in alarms if alarm.device_id == device_id]
            labels = [episode for episode in episodes if episode.device_id == device_id]
            _draw(figure, device_id, trace, mine, labels)
            path = folder / f"{_file_name(device_id)}.png"
            figure.savefig(path)
            written.append(path)
    except OSError as error:
        raise RecordingError(folder, None, error.strerror or str(error), "a folder to write to") from None
    return written


def _draw(figure: Any, device_id: str, trace: Trace, alarms: Sequence[Alarm], labels: Sequence[Episode]) -> None:
    axes = figure.subplots(max(1, len(trace.sensors)), 1, sharex=True, squeeze=False)[:, 0]
    figure.suptitle(f"{device_id}: {len(alarms)} alarms, {len(labels)} labelled", color=_INK)
    for axis, (name, series) in zip(axes, trace.sensors.items(), strict=False):
        times = [_moment(at) for at in series.at]
        axis.set_facecolor(_PAPER)
        axis.fill_between(times, series.low, series.high, color="#9db8d2", linewidth=0, label="lowest to highest")
        axis.plot(times, series.mean, color="#1f4e79", linewidth=0.8, label="mean")
        axis.plot(times, series.level, color=_INK, linewidth=1.0, linestyle="--", label="usual")
        axis.set_ylabel(name, color=_INK, fontsize=8)
        axis.tick_params(colors=_INK, labelsize=7)
        axis.grid(color="#dddddd", linewidth=0.5)
        _mark(axis, alarms, labels, trace.last_at)
    axes[0].legend(loc="upper left", fontsize=7, ncols=3, framealpha=0.8)
    for alarm in alarms:
        _write(axes[0], alarm.raised_at, 0.03, f"ALARM {alarm.fault_type}")
    for episode in labels:
        _write(axes[0], episode.start, 0.86, f"label {episode.kind or 'fault'}")


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
