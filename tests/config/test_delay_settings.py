"""Delays are durations; what older files count is understood, and said."""

from pathlib import Path

import pytest
from rich.console import Console

from aegisflow.config import load
from aegisflow.config.configuration import Configuration
from aegisflow.config.table import doubts
from aegisflow.domain.equipment import AlarmSpec

PLANT = """
kinds:
  pump: {{sensors: {{pressure: {{unit: bar}}}}, alarm: {alarm}}}
lines:
  line-1: {{devices: {{pump-01: pump, pump-02: pump}}}}
"""


def loaded(folder: Path, alarm: str) -> Configuration:
    path = folder / "plant.yaml"
    path.write_text(PLANT.format(alarm=alarm), encoding="utf-8")
    return load(path, {})


def warnings(configuration: Configuration) -> str:
    console = Console(width=300)
    with console.capture() as capture:
        console.print(doubts(configuration), end="")
    return capture.get()


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15.0), ("3min", 180.0), ("1h30m", 5400.0), ("0s", 0.0), ("200ms", 0.2)]
)
def test_a_delay_is_a_duration(text: str, seconds: float, tmp_path: Path) -> None:
    configuration = loaded(tmp_path, f"{{on_delay: {text}, off_delay: {text}}}")
    assert configuration.plant.devices["pump-01"].alarm == AlarmSpec(seconds, seconds)
    assert warnings(configuration) == ""


def test_a_bare_number_counts_readings_as_it_always_did_and_check_says_what_to_write(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, "{on_delay: 3, off_delay: 36}")
    alarm = configuration.plant.devices["pump-01"].alarm
    assert alarm == AlarmSpec(15.0, 180.0, on_readings=3, off_readings=36)
    told = warnings(configuration).splitlines()
    assert [line.startswith("warning: alarm.") for line in told] == [True, True]
    assert "write alarm.on_delay: 15s (pump-01, pump-02)" in told[0]
    assert "write alarm.off_delay: 180s (pump-01, pump-02)" in told[1]


def test_without_any_delay_fifteen_seconds_and_three_minutes_hold(tmp_path: Path) -> None:
    assert loaded(tmp_path, "{}").plant.devices["pump-02"].alarm == AlarmSpec(15.0, 180.0)
