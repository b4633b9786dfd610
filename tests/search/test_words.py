import pytest

from aegisflow.search.words import ENGLISH, GERMAN, language_of, says_nothing, small_words, stem, with_umlauts, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Change it within 24h, 2x a year", ["change", "it", "within", "24", "h", "2", "x", "a", "year"]),
        ("at 230°F or 110 °C", ["at", "230", "°", "f", "or", "110", "°", "c"]),
        ("1,500 h and 3.400 1/min", ["1500", "h", "and", "3400", "1", "min"]),
        ("0,8 bar", ["0.8", "bar"]),
        ("pump-02 shows F-17, R410A", ["pump2", "shows", "f17", "r410a"]),
        ("24 Stunden, 30 Grad, 7 Prozent", ["24", "h", "30", "°", "7", "%"]),
        ("E 12, E07 and a 12 V supply", ["e12", "e7", "and", "a", "12", "v", "supply"]),
        ("F 07.2 or F07.2, l 0.5", ["f072", "or", "f072", "l", "0.5"]),
        ("after 10,000 h or 12 500 h", ["after", "10000", "h", "or", "12500", "h"]),
        ("message 05, 0.05 mm, 5 h 30", ["message", "5", "0.05", "mm", "5", "h", "30"]),
        ("m³/h", ["m3", "h"]),
        ("the pump's seal", ["the", "pump", "seal"]),
        ("x" * 500, []),
    ],
)
def test_text_is_taken_apart_as_people_read_it(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("bearings", "bearing", ENGLISH),
        ("replaced", "replacing", ENGLISH),
        ("lagern", "lager", GERMAN),
        ("dichtungen", "dichtung", GERMAN),
        ("kühlung", "kuehlung", GERMAN),
    ],
)
def test_forms_of_a_word_are_one(one: str, other: str, language: str) -> None:
    assert stem(one, language) == stem(other, language)


def test_codes_and_numbers_keep_their_form() -> None:
    assert [stem(word, ENGLISH) for word in ("f17", "0.8", "°")] == ["f17", "0.8", "°"]


def test_what_is_asked_fills_no_memory_without_end() -> None:
    most = stem.cache_info().maxsize
    assert most is not None
    for number in range(most + 10):
        stem(f"f{number}", ENGLISH)
    assert stem.cache_info().currsize == most
    stem.cache_clear()


@pytest.mark.parametrize("word", ["the", "which", "would"])
def test_small_words_say_nothing(word: str) -> None:
    assert says_nothing(word, ENGLISH)
    assert not says_nothing(word, GERMAN)
    assert not says_nothing("seal", ENGLISH)


def test_there_is_no_list_of_another_name() -> None:
    with pytest.raises(KeyError):
        small_words("french")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Kaeltemaschine, Oelwechsel und Fuellstand", "Kältemaschine, Ölwechsel und Füllstand"),
        ("neue Steuerung, aktuelle Quelle, zuerst Koeffizient", "neue Steuerung, aktuelle Quelle, zuerst Koeffizient"),
        ("zurueck, UEBERDRUCK", "zurück, ÜBERDRUCK"),
    ],
)
def test_umlauts_are_read_where_none_could_be_typed(written: str, meant: str) -> None:
    assert with_umlauts(written) == meant


def test_what_the_manuals_speak_tells_the_language_of_a_few_words() -> None:
    assert language_of("Sollwert aendern") == ENGLISH
    assert language_of("Sollwert aendern", lambda word: [GERMAN] if word == "sollwert" else []) == GERMAN
    assert language_of("how to change the Sollwert", lambda _: [GERMAN]) == ENGLISH


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wartungsintervall Kompressor", GERMAN),
        ("Laufrad Austausch Intervall", GERMAN),
        ("strainer pressure", ENGLISH),
        ("strainer", ENGLISH),  # one word may be a rare one
        ("the impellr cavitaton", ENGLISH),
        ("PLC I/O", ENGLISH),
    ],
)
def test_words_of_which_a_model_of_english_knows_none_are_not_english(text: str, language: str) -> None:
    assert language_of(text, lambda _: [], {"pressure", "pump"}.__contains__) == language
