"""Who may come in, as plant.yaml says it."""

from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.errors import ConfigError

PLANT = """
kinds: {pump: {sensors: {temperature: {unit: °C}}}}
lines: {line-1: {devices: {pump-01: pump}}, line-2: {devices: {pump-02: pump}}}
"""
TOKEN = f'token_sha256: "{"a" * 64}"'


def read(folder: Path, text: str):
    path = folder / "plant.yaml"
    path.write_text(PLANT + text, "utf-8")
    return load(path, {})


def test_a_person_acts_on_the_lines_that_are_named_and_on_all_where_none_is(tmp_path: Path) -> None:
    people = read(tmp_path, f"operators:\n  anna: {{{TOKEN}, lines: [line-2]}}\n").operators
    assert people["anna"].lines == ("line-2",)
    assert read(tmp_path, f"operators:\n  anna: {{{TOKEN}}}\n").operators["anna"].lines is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("lines: [line-3]", "found 'line-3', expected one of: line-1, line-2; did you mean"),
        ("lines: []", "expected a list of lines, such as [line-1]; left out, all lines"),
        ("lines: line-1", "expected a list of lines, such as [line-1]; left out, all lines"),
        ("lines: [line-1], role: admin", "found lines of an admin, expected none"),
    ],
)
def test_lines_that_make_no_sense_are_told(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, f"operators:\n  anna: {{{TOKEN}, {more}}}\n")
    (mistake,) = raised.value.mistakes
    assert mistake.path.startswith("operators.anna.lines")
    assert told in str(mistake)
