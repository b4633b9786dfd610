"""Holds the page of all keys, the schema and the sections against each other."""

import re
from typing import Any

import pytest

from aegisflow.config.fields import Measured, Section
from aegisflow.config.file import PlantFile
from aegisflow.config.reference import Key, keys_of, reference_text, sections
from aegisflow.config.wording import Place, unwrap
from tests.support.places import ROOT

KEYS = [key for path, section in sections(PlantFile) for key in keys_of(section, path)]
NAMED = pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.section.__name__}.{key.name}")


def field_of(key: Key) -> Any:
    return next(field for name, field in key.section.model_fields.items() if name in (key.name, f"{key.name}_s"))


def test_the_page_of_all_keys_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == reference_text(), "run: python -m aegisflow.config.reference docs/reference.md"


def test_each_section_of_the_file_is_on_the_page() -> None:
    on_page = {section for _, section in sections(PlantFile)}

    def below(section: type[Section]) -> set[type[Section]]:
        return {section}.union(*(below(kind) for kind in section.__subclasses__()))

    shared = {Section, next(kind for kind in Section.__subclasses__() if kind.__name__ == "Range")}
    assert {kind for kind in below(Section) if kind.__module__.startswith("aegisflow.config.")} - shared == on_page


@NAMED
def test_each_key_says_what_it_means_what_may_stand_there_and_how_it_is_written(key: Key) -> None:
    assert key.meaning
    assert key.form or key.below is not None
    assert key.example or key.below is not None


@NAMED
def test_each_number_says_what_it_is_measured_in_or_that_it_is_bare(key: Key) -> None:
    if unwrap(Place(field_of(key).annotation, ())).type in (int, float):
        bare = any(isinstance(note, Measured) and note.unit == "" for note in field_of(key).metadata)
        assert key.unit or bare


@NAMED
def test_each_example_is_taken_by_the_section_it_stands_in(key: Key) -> None:
    others = {
        other.name: field_of(other).examples[0]
        for other in keys_of(key.section, "")
        if field_of(other).is_required() and other.name != key.name
    }
    for value in field_of(key).examples or []:
        key.section.model_validate({**others, key.name: value}, by_alias=True, by_name=False)


def test_each_link_on_the_page_leads_to_a_heading() -> None:
    page = reference_text()
    headings = {title.lower().replace(".", "") for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings
