from importlib import resources

import pytest

from aegisflow.search import german
from aegisflow.search.query import MAX_CONCEPTS, MAX_QUERY_CHARS, parse_query
from aegisflow.search.spelling import Spelling, edits
from aegisflow.search.vocabulary import glossary

WORDS = ["vibration", "bearing", "temperature", "limit", "pressure", "seal", "valve", "start", "first", "location"]
SPELLING = Spelling(WORDS)


def concepts(text: str) -> list[str]:
    return [concept.words[0] for concept in parse_query(text, WORDS.__contains__, SPELLING.nearest).concepts]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("Lager", ["bearing"]),
        ("Lagern", ["bearing"]),
        ("Dichtungen", ["seal"]),
        ("Temperaturgrenzwert", ["temperature", "limit"]),
        ("Lagertemperaturen", ["bearing", "temperature"]),
        ("Druckgrenze", ["pressure", "limit"]),
        ("LAGER", ["bearing"]),
    ],
)
def test_german_words_are_known_inflected_and_compound(said: str, means: list[str]) -> None:
    assert [group[0] for group in german.translate(said) or []] == means


@pytest.mark.parametrize(("one", "other"), [("Kühlmittel", "Kuehlmittel"), ("Geräusch", "Geraeusch")])
def test_umlauts_may_be_written_either_way(one: str, other: str) -> None:
    assert german.translate(one) == german.translate(other) is not None


def test_an_unknown_german_word_is_not_invented() -> None:
    assert german.translate("Kartoffelsuppe") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Welcher Druck ist zu hoch?", True),
        ("What is the pressure limit?", False),
        ("Kühlung prüfen", True),
        ("pressure", False),
        ("was the motor hot", False),
    ],
)
def test_german_is_told_from_english(text: str, expected: bool) -> None:
    assert (german.germanness(text.lower().strip("?").split()) > 0) is expected


def test_a_german_question_is_asked_in_english() -> None:
    wording = parse_query("Wie hoch ist der Grenzwert der Schwingung?", WORDS.__contains__, SPELLING.nearest)
    assert wording.sentence == "how high limit vibration"
    assert concepts("Wie hoch ist der Grenzwert der Schwingung?") == ["limit", "vibration"]


def test_german_words_in_an_english_question_are_understood() -> None:
    assert concepts("the limit of Schwingung") == ["limit", "vibration"]
    assert concepts("Lager limit") == ["bearing", "limit"]
    assert concepts("which brand is the seal") == ["brand", "seal"]


@pytest.mark.parametrize("typed", ["vibratoin", "vibraton", "vibrattion", "vibratiom"])
def test_a_typing_mistake_is_mended(typed: str) -> None:
    assert concepts(f"what {typed} limit") == ["vibration", "limit"]


def test_a_mistyped_german_word_is_mended() -> None:
    assert concepts("Wie groß ist die Schwinugng?") == ["vibration"]


def test_another_word_is_not_taken_for_a_mistake() -> None:
    for word in ("vacation", "vault", "heal"):
        assert concepts(f"the {word}") == [word]


def test_words_joined_by_a_hyphen_are_looked_up_one_by_one_where_the_manuals_do_not_join_them() -> None:
    assert concepts("pressure-seal") == ["pressure", "seal"]
    assert concepts("P-700") == ["p-700"]


@pytest.mark.parametrize(
    "text",
    [
        "pressure yesterday",
        "Druck gestern",
        "pressure of last month",
        "Druck im letzten Jahr",
        "Who repaired the valve last Tuesday? It leaks.",
    ],
)
def test_what_was_on_one_day_is_in_no_manual(text: str) -> None:
    assert parse_query(text, WORDS.__contains__, SPELLING.nearest).asks_for_news


@pytest.mark.parametrize(
    "text",
    [
        "pressure limit",
        "The seal was replaced yesterday. What leaks now?",
        "Gestern war Wartung. Was tun?",
        "May I start the valve today?",
        "Was muss ich heute prüfen?",
    ],
)
def test_who_tells_of_a_day_or_asks_for_advice_does_not_ask_what_was(text: str) -> None:
    assert not parse_query(text, WORDS.__contains__, SPELLING.nearest).asks_for_news


@pytest.mark.parametrize(
    "text",
    [
        "the valve keeps rattling like mad",
        "pressure's going worse than last time, isn’t it",
        "obwohl ich dauernd hinschaue, zappelt der Druck",
        "Kaum eingeschwenkt, schon wieder zu viel Druck",
    ],
)
def test_words_of_every_subject_are_not_missed(text: str) -> None:
    wording = parse_query(text, WORDS.__contains__, SPELLING.nearest)
    assert wording.concepts
    assert all(concept.known for concept in wording.concepts)


@pytest.mark.parametrize(
    "text", ["torque of the valve", "boiler pressure", "a printer on the line", "Wieviel Drehmoment braucht das Ventil"]
)
def test_things_that_the_manuals_lack_are_missed(text: str) -> None:
    wording = parse_query(text, WORDS.__contains__, SPELLING.nearest)
    assert not all(concept.known for concept in wording.concepts)


def test_a_form_of_a_word_stands_for_it() -> None:
    assert concepts("revalves") == ["revalves"]
    assert parse_query("revalves", WORDS.__contains__, SPELLING.nearest).concepts[0].words == ("revalves", "valve")


def test_a_phrase_that_the_manuals_lack_is_looked_up_word_by_word() -> None:
    assert concepts("Welcher Nenndruck?") == ["nominal", "pressure"]


def test_a_device_stands_for_its_kind() -> None:
    wording = parse_query("seal of pump-02 on line-2", WORDS.__contains__, SPELLING.nearest, {"pump"})
    assert [concept.words for concept in wording.concepts] == [("seal",), ("pump-02", "pump"), ("line-2",)]
    assert wording.sentence == "seal of pump on line-2"


def test_light_words_count_only_where_the_manuals_have_them() -> None:
    assert concepts("the first pressure") == ["first", "pressure"]
    assert concepts("a certain pressure") == ["pressure"]


def test_a_word_the_manuals_lack_is_kept_and_marked() -> None:
    wording = parse_query("warranty of the valve", WORDS.__contains__, SPELLING.nearest)
    assert [(concept.words[0], concept.known) for concept in wording.concepts] == [("warranty", False), ("valve", True)]


def test_an_english_question_without_mistakes_keeps_its_sentence() -> None:
    text = "What's the first limit of pressure?"
    assert parse_query(text, WORDS.__contains__, SPELLING.nearest).sentence == text


def test_a_question_of_100_kilobytes_is_bounded() -> None:
    wording = parse_query("valve " + "unheardof " * 10_000, WORDS.__contains__, SPELLING.nearest)
    assert len(wording.sentence) <= MAX_QUERY_CHARS
    assert (
        len(parse_query(" ".join(f"w{n}" for n in range(500)), lambda _: False, lambda _: None).concepts)
        == MAX_CONCEPTS
    )


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("seal", "seal", 0), ("seal", "sael", 1), ("seal", "sea", 1), ("seal", "steal", 1), ("valve", "wolve", 2)],
)
def test_edits_count_inserted_dropped_changed_and_swapped_letters(one: str, other: str, count: int) -> None:
    assert edits(one, other) == edits(other, one) == count


@pytest.mark.parametrize("file", ["german.txt", "synonyms.txt"])
def test_no_word_stands_twice_in_a_glossary(file: str) -> None:
    text = resources.files("aegisflow.search.vocabulary").joinpath(file).read_text("utf-8")
    said = [german.fold(line.split("=")[0].strip()) for line in text.splitlines() if "=" in line and line[0] != "#"]
    assert sorted(said) == sorted(set(said))


def test_the_glossaries_can_be_read_and_say_something() -> None:
    assert glossary("german.txt")["lager"] == ("bearing",)
    assert all(written for written in glossary("synonyms.txt").values())


@pytest.mark.parametrize("file", ["ordinary.txt", "ordinary-german.txt"])
def test_the_lists_of_ordinary_words_hold_whole_words_once_each(file: str) -> None:
    text = resources.files("aegisflow.search.vocabulary").joinpath(file).read_text("utf-8")
    words = " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    assert sorted(words) == sorted(set(words))
    assert all(word == word.lower() and word[0].isalpha() and word[-1].isalpha() for word in words)
