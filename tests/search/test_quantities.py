from pathlib import Path

import pytest

from aegisflow.search import ManualSearch
from aegisflow.search.quantities import asked_for, told_by


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("how heavy is it", "#mass"),
        ("Wie schwer ist das Ding?", "#mass"),
        ("what does the pump weigh", "#mass"),
        ("Was wiegt die Anlage", "#mass"),
        ("how loud is it at one metre", "#sound"),
        ("wie laut", "#sound"),
        ("schläuche wie oft tauschen", "#interval"),
        ("how often to blow out the cooler", "#interval"),
    ],
)
def test_a_question_asks_for_a_quantity(text: str, name: str) -> None:
    assert asked_for(text) == [name]


@pytest.mark.parametrize(
    "text", ["the pump is loud", "a heavy knock", "often too hot", "Es ist laut", "how high is it"]
)
def test_who_tells_of_something_asks_for_no_quantity(text: str) -> None:
    assert asked_for(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Gewicht ohne Öl 118 kg", ["#mass"]),
        ("Masse: 2,4t", ["#mass"]),
        ("Schallleistungspegel, 46 dB(A)", ["#sound"]),
        ("alle 6 Jahre ersetzen", ["#interval"]),
        ("Check the belt weekly.", ["#interval"]),
        ("jährlich prüfen", ["#interval"]),
        ("4 weeks and 20 kg", ["#mass", "#interval"]),
        ("flow 90 kg/h, density 998 kg/m³, for everything else 5 hPa", []),
        ("every", ["#interval"]),
        ("no figure in kg", []),
    ],
)
def test_a_text_tells_the_quantities_that_it_has_values_of(text: str, names: list[str]) -> None:
    assert told_by(text) == names


@pytest.mark.parametrize("asked", ["how heavy is it", "Wie schwer ist das Ding?"])
def test_a_value_answers_however_it_is_named_and_in_any_language(tmp_path: Path, asked: str) -> None:
    weight = (
        "# A\n\n## Daten\n\n| Angabe | Wert |\n|---|---|\n| Gewicht | 118 kg |\n\n## Heavy duty\n\nFor long shifts.\n"
    )
    (tmp_path / "a.md").write_text(weight, "utf-8")
    manuals = ManualSearch(tmp_path)
    manuals.refresh()
    assert manuals.search(asked).passages[0].section == "Daten"
