"""Any text is a unit; a known one in another spelling is a mistake, and an unknown one is worth a look."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from aegisflow.config import load
from aegisflow.config.table import doubts
from aegisflow.config.units import MAX_LETTERS, UNITS, misspelt
from aegisflow.errors import ConfigError

PLANT = """
kinds:
  pump: {{sensors: {{pressure: {{unit: "{unit}", normal: [0, 1]}}, flow: {{unit: l/min, normal: [0, 1]}}}}}}
faults: {{leak: {{when: {{pressure: low}}}}}}
lines:
  line-1: {{devices: {{pump-01: pump, pump-02: pump}}}}
"""


def unit_of(folder: Path, unit: str) -> str:
    path = folder / "plant.yaml"
    path.write_text(PLANT.format(unit=unit), encoding="utf-8")
    return load(path, {}).plant.devices["pump-01"].sensors["pressure"].unit


def warnings(folder: Path, unit: str) -> str:
    path = folder / "plant.yaml"
    path.write_text(PLANT.format(unit=unit), encoding="utf-8")
    console = Console(width=200)
    with console.capture() as capture:
        console.print(doubts(load(path, {})), end="")
    return capture.get()


@pytest.mark.parametrize(
    "unit", ["NTU", "°P", "cP", "mg/l", "ppb", "bbl/d", "lm", "mS/cm", "Nm³/h", "%O2", "furlong", "個"]
)
def test_f4_any_text_is_a_unit_and_check_warns_of_those_it_does_not_know(tmp_path: Path, unit: str) -> None:
    assert unit_of(tmp_path, unit) == unit
    told = warnings(tmp_path, unit)
    assert f"warning: {unit!r} is no unit that AegisFlow knows" in told
    assert "(pressure of pump)" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("unit", ["mW", "MV", "S", "L", "MA", "Mm"])
def test_f4_a_unit_of_its_own_is_not_taken_for_another_one_in_other_letters(tmp_path: Path, unit: str) -> None:
    assert unit_of(tmp_path, unit) == unit
    assert f"{unit!r} is no unit that AegisFlow knows; did you mean" in warnings(tmp_path, unit)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_f4_known_units_are_known(tmp_path: Path, unit: str) -> None:
    assert unit_of(tmp_path, unit) == unit
    assert warnings(tmp_path, unit) == ""


@pytest.mark.parametrize(("unit", "others"), sorted(UNITS.items()))
def test_f4_other_spellings_of_known_units_are_mistakes_as_ever(
    tmp_path: Path, unit: str, others: tuple[str, ...]
) -> None:
    for other in (*others, *(other.upper() for other in others)):
        if other not in UNITS:
            with pytest.raises(ConfigError, match="did you mean"):
                unit_of(tmp_path, other)


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_LETTERS))
def test_f4_a_text_is_a_unit_or_another_spelling_of_one(text: str) -> None:
    meant = misspelt(text)
    assert all(unit in UNITS for unit in meant)
    assert not (text in UNITS and meant)


def test_f4_a_near_miss_is_a_warning_with_a_guess(tmp_path: Path) -> None:
    assert "did you mean kPa?" in warnings(tmp_path, "kPaa")
    assert "did you mean" not in warnings(tmp_path, "NTU")
