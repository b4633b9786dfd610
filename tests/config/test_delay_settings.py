"""Delays are durations; what older files count is understood, and said."""

from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from aegisflow.config import load
from aegisflow.config.configuration import Configuration
from aegisflow.config.table import doubts
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec
from aegisflow.errors import ConfigError

PLANT = """
kinds:
  pump: {{sensors: {{pressure: {{unit: bar, normal: [0, 9]}}}}, alarm: {alarm}}}
faults: {{leak: {{when: {{pressure: low}}}}}}
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


# --- for how long no value means nothing --------------------------------------------------------

PATIENCE = """
defaults: {{{defaults}}}
kinds:
  pump: {{silent_after: {silent}, sensors: {{pressure: {{unit: bar, {sensor}}}}}}}
lines:
  line-1: {{devices: {{pump-01: pump}}}}
"""


def patience(folder: Path, defaults: str = "", silent: str = "null", sensor: str = "") -> DeviceSpec:
    path = folder / "plant.yaml"
    path.write_text(PATIENCE.format(defaults=defaults, silent=silent, sensor=sensor), encoding="utf-8")
    return load(path, {}).plant.devices["pump-01"]


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30.0), ("45", 45.0), ("never", inf), ("null", None)])
def test_c2_stale_and_silent_after_are_durations_or_never_or_learned(
    text: str, seconds: float | None, tmp_path: Path
) -> None:
    device = patience(tmp_path, silent=text, sensor=f"stale_after: {text}")
    assert (device.silent_after_s, device.sensors["pressure"].stale_after_s) == (seconds, seconds)


def test_left_out_they_are_learned_and_what_defaults_give_holds(tmp_path: Path) -> None:
    assert patience(tmp_path).sensors["pressure"].stale_after_s is None
    assert patience(tmp_path, "stale_after: 20s").sensors["pressure"].stale_after_s == 20.0
    assert patience(tmp_path, "stale_after: 20s", sensor="stale_after: null").sensors["pressure"].stale_after_s is None


def test_c2_a_sensor_may_report_by_exception(tmp_path: Path) -> None:
    assert patience(tmp_path, sensor="report: by_exception").sensors["pressure"].by_exception
    assert not patience(tmp_path, sensor="report: regularly").sensors["pressure"].by_exception
    with pytest.raises(ConfigError, match="regularly or by_exception"):
        patience(tmp_path, sensor="report: sometimes")


@pytest.mark.parametrize("text", ["0", "-5", "always", "8d", "true", "[1]", ".inf", ".nan"])
def test_what_is_no_patience_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a duration up to 7d, such as 30s or 5min, or never|a finite number"):
        patience(tmp_path, sensor=f"stale_after: {text}")
