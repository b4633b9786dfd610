import os
import re
from pathlib import Path

import pytest

from aegisflow.errors import BadValueError, UnknownNameError
from aegisflow.search import NOTHING_FOUND, ManualSearch, ranking
from aegisflow.search.manuals import PERHAPS
from tests.support.search_samples import FakeEncoder, pdf

PUMP = """---
title: Pump P-1
revision: 2
kinds: pump
---
# Pump P-1

## Inlet pressure

The inlet needs 28 PSI. Below 18 PSI the pump cavitates.

## Seal

Replace the seal every 1,500 h.
"""
FAN = """---
title: Fan F-1
revision: 7
kinds: fan
---
# Fan F-1

## Air pressure

The fan gives 3 PSI of pressure at most.

## Blades

| blade | limit of temperature |
|---|---|
| steel | 90 °C |
"""
RULES = "# Rules\n\n## Who may act\n\nAn operator approves an emergency shutdown.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manuals = tmp_path / "manuals"
    manuals.mkdir()
    for name, text in (("pump.md", PUMP), ("fan.md", FAN), ("rules.md", RULES)):
        (manuals / name).write_text(text, "utf-8")
    return manuals


@pytest.fixture
def manuals(folder: Path) -> ManualSearch:
    made = ManualSearch(folder)
    made.refresh()
    return made


def sections(manuals: ManualSearch, text: str, kind: str | None = None) -> list[str]:
    return [passage.section for passage in manuals.search(text, kind).passages]


def test_a_passage_comes_with_its_manual_revision_and_section(manuals: ManualSearch) -> None:
    best = manuals.search("when does the pump cavitate").passages[0]
    assert (best.manual, best.title, best.revision, best.section) == ("pump.md", "Pump P-1", "2", "Inlet pressure")
    assert "Below 18 PSI" in best.text
    assert 0 < best.score <= 1


def test_another_kinds_manual_is_kept_out(manuals: ManualSearch) -> None:
    assert "Air pressure" in sections(manuals, "pressure")
    assert sections(manuals, "pressure", kind="pump") == ["Inlet pressure"]
    assert sections(manuals, "who approves a shutdown", kind="pump") == ["Who may act"]


def test_a_german_question_finds_the_english_passage(manuals: ManualSearch) -> None:
    manuals.use_multilingual(FakeEncoder())
    assert sections(manuals, "Wann muss die Dichtung gewechselt werden?")[0] == "Seal"
    assert sections(manuals, "Wer genehmigt die Notabschaltung?")[0] == "Who may act"


def test_an_english_question_finds_the_german_passage(manuals: ManualSearch, folder: Path) -> None:
    (folder / "geblaese.md").write_text(
        "# Gebläse\n\n## Dichtung\n\nAlle 900 h gewechselt.\n\n## Öl\n\nKein Öl.\n", "utf-8"
    )
    manuals.use_multilingual(FakeEncoder())
    manuals.refresh()
    assert "Dichtung" in sections(manuals, "seal")


def test_a_mistyped_question_finds_its_passage(manuals: ManualSearch) -> None:
    assert sections(manuals, "replce the sael")[0] == "Seal"


@pytest.mark.parametrize(
    "text", ["capital of Australia", "warranty of the gearbox", "Rezept für Kartoffelsuppe", "?!", "💥"]
)
def test_what_the_manuals_do_not_say_is_not_answered(manuals: ManualSearch, text: str) -> None:
    answer = manuals.search(text)
    assert answer.passages == ()
    assert answer.note.startswith(NOTHING_FOUND)


def test_an_empty_question_is_refused(manuals: ManualSearch) -> None:
    for text in ("", " \n\t"):
        with pytest.raises(BadValueError, match="question"):
            manuals.search(text)


@pytest.mark.parametrize("limit", [0, -1, 21, 1_000_000])
def test_a_limit_out_of_range_is_refused(manuals: ManualSearch, limit: int) -> None:
    with pytest.raises(BadValueError, match="1 to 20"):
        manuals.search("seal", limit=limit)


def test_a_question_of_100_kilobytes_is_answered_from_its_beginning(manuals: ManualSearch) -> None:
    answer = manuals.search("seal of the pump " + "x" * 100_000)
    assert answer.passages[0].section == "Seal"
    assert "first 2000 of 100017 characters" in answer.note


@pytest.mark.parametrize(
    "text", ['seal" OR title:*', "seal AND NOT (", "NEAR(seal)", "'; DROP TABLE passages; --", "{seal}^2*", '"""']
)
def test_the_language_of_the_index_cannot_be_spoken_from_outside(manuals: ManualSearch, text: str) -> None:
    manuals.search(text)
    assert sections(manuals, "seal")[0] == "Seal"


def test_without_a_model_answers_say_so(manuals: ManualSearch) -> None:
    answer = manuals.search("seal")
    assert answer.method == "lexical"
    assert "the model is not loaded yet" in answer.note
    manuals.use_encoder(None, "the model folder is empty")
    assert "the model folder is empty" in manuals.search("seal").note
    assert manuals.problems()["model"] == "the model folder is empty"


def test_with_a_model_meaning_counts_as_well(manuals: ManualSearch) -> None:
    assert sections(manuals, "how warm may steel get")[:1] == ["Blades"]
    manuals.use_encoder(FakeEncoder())
    answer = manuals.search("how warm may steel get")
    assert (answer.method, answer.note) == ("fused", "")
    assert answer.passages[0].section == "Blades"
    assert not manuals.problems()


def test_a_word_that_the_model_knows_is_no_typing_mistake(manuals: ManualSearch) -> None:
    assert sections(manuals, "cavitate") == sections(manuals, "cavidates") == ["Inlet pressure"]
    manuals.use_encoder(FakeEncoder(words={"cavidates"}))
    assert sections(manuals, "cavidates") == []


def test_a_model_that_breaks_leaves_words_and_a_note(manuals: ManualSearch) -> None:
    encoder = FakeEncoder()
    manuals.use_encoder(encoder)
    encoder.broken = True
    answer = manuals.search("seal")
    assert answer.passages[0].section == "Seal"
    assert "no more memory" in answer.note


def test_a_model_that_breaks_while_manuals_are_encoded_is_a_problem_and_no_error(manuals: ManualSearch) -> None:
    encoder = FakeEncoder()
    encoder.broken = True
    manuals.use_encoder(encoder)
    assert "no more memory" in manuals.problems()["model"]
    assert manuals.search("seal").method == "lexical"


def test_changes_in_the_folder_are_picked_up(manuals: ManualSearch, folder: Path) -> None:
    manuals.use_encoder(FakeEncoder())
    assert not manuals.refresh()
    (folder / "boiler.pdf").write_bytes(pdf("The boiler whistles before it bursts"))
    (folder / "fan.md").unlink()
    (folder / "pump.md").write_text(PUMP.replace("1,500 h", "1,600 h"), "utf-8")
    assert manuals.refresh()
    answer = manuals.search("boiler whistles")
    assert (answer.method, answer.passages[0].manual, answer.passages[0].section) == ("fused", "boiler.pdf", "page 1")
    assert "Blades" not in sections(manuals, "blades")
    assert "1,600 h" in manuals.search("replace the seal").passages[0].text


def test_a_file_that_turns_bad_is_a_problem_and_the_rest_stays(manuals: ManualSearch, folder: Path) -> None:
    (folder / "fan.md").write_bytes(b"\x00\x01")
    assert manuals.refresh()
    assert "binary" in manuals.problems()["fan.md"]
    assert sections(manuals, "seal")[0] == "Seal"


def test_a_touched_file_is_no_change(manuals: ManualSearch, folder: Path) -> None:
    os.utime(folder / "pump.md", (1, 1))
    assert not manuals.refresh()


def test_the_same_passage_in_two_manuals_is_shown_once(manuals: ManualSearch, folder: Path) -> None:
    (folder / "rules-copy.md").write_text(RULES, "utf-8")
    manuals.refresh()
    assert sections(manuals, "who approves an emergency shutdown").count("Who may act") == 1


def test_manuals_are_listed_and_read_by_name_only(manuals: ManualSearch, folder: Path) -> None:
    (folder / "boiler.pdf").write_bytes(pdf("one", "two"))
    manuals.refresh()
    listed = {manual.name: (manual.title, manual.revision, manual.kinds) for manual in manuals.manuals()}
    assert listed["pump.md"] == ("Pump P-1", "2", ("pump",))
    assert manuals.read("pump.md").startswith("# Pump P-1")
    assert re.split(r"\s+", manuals.read("boiler.pdf").strip()) == ["one", "two"]
    for name in ("../pump.md", "/etc/passwd", "PUMP.md", ""):
        with pytest.raises(UnknownNameError, match=r"pump\.md"):
            manuals.read(name)


def test_vectors_outlive_the_library(folder: Path, tmp_path: Path) -> None:
    first, second, other = FakeEncoder(), FakeEncoder(), FakeEncoder("another model")
    for encoder in (first, second, other):
        manuals = ManualSearch(folder, tmp_path / "cache" / "vectors.sqlite")
        manuals.refresh()
        manuals.use_encoder(encoder)
        assert manuals.search("seal").passages[0].section == "Seal"
    assert len(first.encoded) > 5
    assert len(second.encoded) == 1, "the question only"
    assert len(other.encoded) == len(first.encoded)


def test_only_changed_passages_are_encoded_again(folder: Path, tmp_path: Path) -> None:
    encoder = FakeEncoder()
    manuals = ManualSearch(folder)
    manuals.refresh()
    manuals.use_encoder(encoder)
    encoder.encoded.clear()
    (folder / "pump.md").write_text(PUMP.replace("1,500 h", "1,600 h"), "utf-8")
    manuals.refresh()
    assert encoder.encoded
    assert all("1,600 h" in text for text in encoder.encoded)


@pytest.mark.parametrize("damage", [b"this is no database", b""])
def test_a_damaged_cache_is_made_anew(folder: Path, tmp_path: Path, damage: bytes) -> None:
    cache = tmp_path / "vectors.sqlite"
    cache.write_bytes(damage)
    for _ in range(2):
        manuals = ManualSearch(folder, cache)
        manuals.refresh()
        manuals.use_encoder(FakeEncoder())
        assert manuals.search("seal").method == "fused"
    assert not manuals.problems()


def test_a_cache_that_cannot_be_written_is_told_and_costs_nothing_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    manuals = ManualSearch(folder, tmp_path / "file" / "vectors.sqlite")
    manuals.refresh()
    manuals.use_encoder(FakeEncoder())
    assert manuals.search("seal").method == "fused"
    assert "vectors.sqlite" in manuals.problems()["cache"]


def test_an_empty_library_answers_that_it_knows_nothing(tmp_path: Path) -> None:
    manuals = ManualSearch(tmp_path / "nowhere")
    manuals.refresh()
    manuals.use_encoder(FakeEncoder())
    assert manuals.search("seal").passages == ()
    assert str(tmp_path / "nowhere") in manuals.problems()


def test_a_passage_is_found_by_a_question_that_its_manual_says_it_answers(folder: Path) -> None:
    (folder / "rules.md").write_text(
        RULES.replace("may act\n", "may act\n\n<!-- asked: whose permission -->\n"), "utf-8"
    )
    manuals = ManualSearch(folder)
    manuals.refresh()
    assert sections(manuals, "whose permission is it") == ["Who may act"]
    assert "asked" not in manuals.read("rules.md")
    assert "permission" not in manuals.search("operator approves").passages[0].text


def test_words_of_questions_alone_do_not_make_a_subject_known(folder: Path) -> None:
    (folder / "rules.md").write_text(RULES.replace("may act\n", "may act\n\n<!-- asked: goulash -->\n"), "utf-8")
    manuals = ManualSearch(folder)
    manuals.refresh()
    assert not manuals.search("goulash recipe").passages


@pytest.mark.parametrize(
    "text",
    [
        "seal pressure yesterday",
        "is the pump inlet running",
        "When was the seal replaced?",
        "Druck letzte Nacht",
        "what does a seal cost",
        "Preis einer Dichtung",
        "phone number of the operator who approves a shutdown",
        "who approved the emergency shutdown",
    ],
)
def test_news_prices_and_people_are_in_no_manual(manuals: ManualSearch, text: str) -> None:
    for encoder in (None, FakeEncoder()):
        manuals.use_encoder(encoder)
        answer = manuals.search(text)
        assert answer.passages == ()
        assert answer.note.startswith(NOTHING_FOUND)


def test_a_price_or_a_number_that_a_manual_does_say_is_answered(manuals: ManualSearch, folder: Path) -> None:
    (folder / "shop.md").write_text(
        "# Shop\n\n## Order\n\nA seal costs 40 EUR.\n\n## Help\n\nPhone number of the service: +49 30 1234567.\n",
        "utf-8",
    )
    manuals.refresh()
    assert sections(manuals, "what does a seal cost")[0] == "Order"
    assert sections(manuals, "phone number of the service")[0] == "Help"


def test_a_message_that_no_manual_lists_is_not_answered_by_another_one(manuals: ManualSearch, folder: Path) -> None:
    (folder / "codes.md").write_text("# Codes\n\n## Fault messages\n\nF17 flow too small. F23 motor hot.\n", "utf-8")
    manuals.refresh()
    assert sections(manuals, "fault F17")[0] == "Fault messages"
    assert sections(manuals, "fault F99") == sections(manuals, "F99") == []


def test_one_unknown_word_does_not_veto_but_makes_an_answer_less_sure(manuals: ManualSearch) -> None:
    manuals.use_encoder(FakeEncoder())
    known = manuals.search("when does the pump cavitate at the inlet")
    less = manuals.search("when does the confounded pump cavitate at the inlet")
    assert [passage.section for passage in less.passages][:1] == ["Inlet pressure"]
    assert known.passages[0].score > less.passages[0].score


def test_between_an_answer_and_none_stands_perhaps_and_says_so() -> None:
    nothing = ranking.Support(0, 0, 0, 0, 0, crosses=False, length=1.1, lead=0, unknown=1)
    some = ranking.Support(0.35, 0.3, 0.6, 0.6, 0.7, crosses=False, length=1.4, lead=0.03, unknown=0.3)
    much = ranking.Support(0.7, 0.6, 1, 1, 1, crosses=False, length=1.4, lead=0.4, unknown=0)
    assert [ranking.certainty(each, "both").value for each in (nothing, some, much)] == ["no", "perhaps", "yes"]


def test_an_unsure_answer_is_marked(manuals: ManualSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = manuals.search("replace the seal")
    assert sure.is_sure
    assert PERHAPS not in sure.note
    monkeypatch.setattr(ranking, "certainty", lambda support, encoders: ranking.Certainty.PERHAPS)
    unsure = manuals.search("replace the seal")
    assert not unsure.is_sure
    assert unsure.note.startswith(PERHAPS)
    assert unsure.passages == sure.passages


def test_numbers_with_their_units_are_found_however_they_are_written(manuals: ManualSearch, folder: Path) -> None:
    (folder / "oil.md").write_text(
        "# Oil\n\n## Change\n\nWithin 24h, 2x a year, at 230 °F.\n\n## Rest\n\nNone.\n", "utf-8"
    )
    manuals.refresh()
    for text in ("24 hours", "24h", "24 Stunden", "230 F", "230°F"):
        assert sections(manuals, text)[0] == "Change", text
    assert sections(manuals, "1500h seal")[0] == sections(manuals, "1,500 hours seal")[0] == "Seal"


def test_the_newest_revision_wins_and_the_older_is_said(manuals: ManualSearch, folder: Path) -> None:
    (folder / "pump-new.md").write_text(
        PUMP.replace("revision: 2", "revision: 10").replace("1,500 h", "1,600 h"), "utf-8"
    )
    manuals.refresh()
    answer = manuals.search("replace the seal")
    assert [(passage.manual, passage.revision) for passage in answer.passages] == [("pump-new.md", "10")]
    assert "pump.md (revision 2) is older than pump-new.md (revision 10) and not shown." in answer.note
    assert "pump.md" not in manuals.search("how warm may a steel blade get").note
    (folder / "pump-new.md").unlink()
    manuals.refresh()
    assert manuals.search("replace the seal").passages[0].manual == "pump.md"
