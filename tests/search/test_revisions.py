from dataclasses import dataclass

import pytest

from aegisflow.search.revisions import revision_in, superseded


@dataclass
class Manual:
    name: str
    title: str
    revision: str
    kinds: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2", "10"),
        ("2.9", "2.10"),
        ("B", "C"),
        ("7 (2021-05)", "7 (2023-05)"),
        ("05.2022", "03.2023"),
        ("3", "3.1"),
        ("rev 1", "2"),
    ],
)
def test_the_newer_of_two_revisions_wins(old: str, new: str) -> None:
    for manuals in (
        [Manual("a", "Fan", old), Manual("b", "Fan", new)],
        [Manual("b", "Fan", new), Manual("a", "fan ", old)],
    ):
        assert superseded(manuals) == {"a": "b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Manual("a", "Fan", "1"), Manual("b", "Pump", "2")),
        (Manual("a", "Fan", "1"), Manual("b", "Fan", "1")),
        (Manual("a", "Fan", ""), Manual("b", "Fan", "2")),
        (Manual("a", "Fan", "3"), Manual("b", "Fan", "B")),
        (Manual("a", "Manual", "1", ("fan",)), Manual("b", "Manual", "2", ("pump",))),
    ],
)
def test_what_is_not_surely_older_stays(one: Manual, other: Manual) -> None:
    assert superseded([one, other]) == {}


def test_of_three_the_newest_is_named() -> None:
    assert superseded([Manual(str(n), "Fan", str(n)) for n in (2, 3, 1)]) == {"1": "3", "2": "3"}


def test_a_title_may_carry_the_revision() -> None:
    assert superseded([Manual("a", "Fan F-1, Rev. 2", "2"), Manual("b", "Fan F-1 (rev 3)", "3")]) == {"a": "b"}


@pytest.mark.parametrize(
    ("title", "text", "revision"),
    [
        ("Fan F-1 Rev. 3", "", "3"),
        ("Fan", "# Fan\n\nRevision: C\n", "C"),
        ("Fan", "Betriebsanleitung, Ausgabe 04\n", "04"),
        ("Fan", "**Version** 2.1\n", "2.1"),
        ("Fan", "| Stand | 2023-05 |\n", ""),
        ("Fan", "The version 3 of the control is needed.\n", ""),
        ("Fan", "x" * 2_000 + "\nRevision 3\n", ""),
        ("V 8 engine", "", ""),
    ],
)
def test_a_manual_may_say_its_revision_itself(title: str, text: str, revision: str) -> None:
    assert revision_in(title, text) == revision
