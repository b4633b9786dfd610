"""What was printed is read as a person reads it: headings, tables and broken words without any marks."""

from pathlib import Path

import pytest

from aegisflow.search.documents import Document, read_folder
from aegisflow.search.layout import joined, sections, statements, title_of
from aegisflow.search.passages import chunk, facets

PRINTED = """\
HYDRAULIC UNIT HU 5
Issue 2

1 Purpose
It feeds clamps on machine tools. Nothing that burns must come near to it, for the oil may
spray.
2 Safety
2.1 Pressure that is left
Open valve V7 before you
1. loosen a joint
2. take off the hose
3. remove the lid

3 Faults
F01   Oil low      Look for a leak,
                   fill up.
F07   Filter full  Change the cartridge.

WARNING
Hot surfaces.
"""


def headings(text: str) -> list[tuple[str, ...]]:
    return [path for path, lines in sections(text.splitlines()) if any(line.strip() for line in lines)]


def test_numbers_and_capitals_head_sections() -> None:
    assert headings(PRINTED) == [
        ("HYDRAULIC UNIT HU 5",),
        ("1 Purpose",),
        ("2 Safety", "2.1 Pressure that is left"),
        ("3 Faults",),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Starting\n--------\nTurn the key.\n", [("Starting",)]),
        ("Code   Cause\n----   -----\nE1     cold\n", [()]),
        ("1. Open the valve\n2. Press START\n3. Wait until it is warm\n", [()]),
        ("5 litres of oil are needed\n", [()]),
        ("SERVICE\nCleaning the mat\nThe mat is cleaned with a soft brush and lukewarm water.\n", None),
        ("It was late.\nNobody came\nto see the lamp, and so it went out in the night.\n", [()]),
        ("1 Safety 2\n2 Service 7\n\n1 Safety\nBeware.\n2 Service\nDaily.\n", [(), ("1 Safety",), ("2 Service",)]),
    ],
)
def test_what_is_a_heading_and_what_is_not(text: str, found: list[tuple[str, ...]] | None) -> None:
    assert headings(text) == ([("SERVICE", "Cleaning the mat")] if found is None else found)


def test_no_line_is_lost_or_said_twice() -> None:
    said = [line for path, lines in sections(PRINTED.splitlines()) for line in [*path[-1:], *lines] if line.strip()]
    assert said == [line for line in PRINTED.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("Werkzeugmaschi-\nnen mit Öl", "Werkzeugmaschinen\nmit Öl"),
        ("Saug-\nund Druckleitung", "Saug-\nund Druckleitung"),
        ("a three-\nposition switch; three in each position", "a three-position\nswitch; three in each position"),
        ("10-\n20 bar", "10-\n20 bar"),
    ],
)
def test_words_broken_at_the_end_of_a_line_are_joined(broken: str, whole: str) -> None:
    assert joined(broken) == whole


def test_rows_items_and_sentences_are_told_apart() -> None:
    assert statements(
        ["F01   Oil low      Look for a leak,", "                   fill up.", "F07   Filter  Change it."]
    ) == [
        "F01   Oil low      Look for a leak, fill up.",
        "F07   Filter  Change it.",
    ]
    assert statements(["Payload: 6 kg", "Reach: 901 mm"]) == ["Payload: 6 kg", "Reach: 901 mm"]
    assert statements(["- open it", "- wait until the lamp", "  is green"]) == [
        "- open it",
        "- wait until the lamp is green",
    ]
    prose = ["The unit is built for dry halls, and must not be", "Used where it rains."]
    assert statements(prose) == [" ".join(prose)]


def test_a_printed_manual_is_searched_by_its_rows(tmp_path: Path) -> None:
    (tmp_path / "unit.txt").write_text(PRINTED, "utf-8")
    document = read_folder(tmp_path).documents["unit.txt"]
    assert (document.title, document.revision) == ("HYDRAULIC UNIT HU 5", "2")
    faults = next(piece for piece in chunk(document) if piece.section == "3 Faults")
    assert "Faults: F07 Filter full Change the cartridge." in facets(document.title, faults)


@pytest.mark.parametrize(
    ("text", "title"),
    [("Pump manual\n\nIt pumps.", "Pump manual"), ("It pumps water.\nAll day.", ""), ("Pump\npumps", ""), ("", "")],
)
def test_the_title_of_a_text_is_a_line_that_stands_alone(text: str, title: str) -> None:
    assert title_of(text) == title


def test_pages_of_a_pdf_have_sections_too() -> None:
    document = Document("a.pdf", "a", "", (), "1 Purpose\nIt blows.\n2 Faults\nE1 hot\f2.1 Cold\nE2 cold", "pages")
    assert [(piece.section, piece.text) for piece in chunk(document)] == [
        ("page 1 > 1 Purpose", "It blows."),
        ("page 1 > 2 Faults", "E1 hot"),
        ("page 2 > 2 Faults > 2.1 Cold", "E2 cold"),
    ]
