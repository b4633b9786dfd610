"""Text -> words as they are looked up: numbers parted from their units, codes kept whole, endings dropped.

Endings are dropped by the Snowball stemmers of English and German; other languages keep theirs. The meaning of
words is another matter: see ``vocabulary``.
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Collection
from functools import cache, lru_cache
from importlib import resources
from typing import Any

ENGLISH, GERMAN = "english", "german"
LANGUAGES = (ENGLISH, GERMAN)
LONGEST_WORD = 80
"""Characters; what is longer is no word."""
SHORTEST_TELLING = 4
"""Letters of a word that tells a language; shorter ones are abbreviations in any of them."""
REMEMBERED = 100_000
"""Words whose stems are remembered: those of many manuals, but not all that anybody ever asks."""

_CODE = r"(?<![\w.])[^\W\d_]+[-.]?\d+(?:[-.]?\d+)*[^\W\d_]?(?!\w)"
"""``F17``, ``pump-02``, ``R410A``: letters, then digits; not ``24h``, which is a number with its unit."""
_PART = re.compile(_CODE + r"|\d+(?:[.,]\d+)*|[^\W\d_]+|[%°]")
_PARTED = re.compile(r"(?<![\w.,°%])(?<!\d )([b-hj-z]) (?=\d{1,4}(?!\w|[.,]\d)|0\d+\.\d)")
"""``E 12`` for ``E12`` and ``F 07.2``; not ``a 12 V supply``, nor ``5 h 30`` or ``s 0.5``."""
_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d+(?!\d|[.,]\d))")
"""``E07`` is said as ``E7``, and ``03`` as ``3``."""
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?:[.,\u00a0\u2009\u202f ]\d{3})+)(?![\d.,]*\d)")
_UNITS = {
    "h": "hour hours hr hrs stunde stunden std",
    "min": "minute minutes mins minuten",
    "s": "sec second seconds secs sekunde sekunden",
    "°": "degree degrees grad",
    "%": "percent pct prozent",
    "l": "litre litres liter liters",
    "kg": "kilo kilos kilogram kilograms kilogramm",
    "mm": "millimetre millimetres millimeter millimeters",
    "m": "metre metres meter meters",
}
_CANONICAL = {said: unit for unit, words in _UNITS.items() for said in words.split()}
_DIGRAPH = re.compile(
    r"(?<!z)(?<![aeq])ue(?!\b)(?!ll)|(?<=z)ue(?!rst|ein|rken)|(?<![aeqtnds])uell|ae(?!ro)|(?<!k)(?<!\bs)oe|(?<=k)oe(?!ff|x)",
    re.IGNORECASE,
)
"""``ae`` for ``ä`` and so on; not in ``neue``, ``Quelle``, ``aktuell`` or ``Koeffizient``."""
_WRITTEN = {"ae": "ä", "oe": "ö", "ue": "ü"}
_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ä", "a"), ("ö", "o"), ("ü", "u"), ("ß", "ss"))
_lock = threading.Lock()
"""A stemmer keeps the word that it works on in itself."""


def words_of(text: str) -> list[str]:
    """Return the words, numbers, units and codes of a text in lower case: ``1,500h`` is ``1500`` and ``h``."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("'s ", " ")
    text = _ZEROS.sub("", _PARTED.sub(r"\1", _THOUSANDS.sub(_without_marks, text)))
    found = []
    for part in _PART.finditer(text):
        word = part[0]
        if len(word) > LONGEST_WORD:
            continue
        if word[0].isdigit():
            found.append(word.replace(",", "."))
        elif is_code(word):
            found.append(re.sub(r"[-.]", "", word))
        else:
            found.append(_CANONICAL.get(word, word))
    return found


def _without_marks(found: re.Match[str]) -> str:
    return found[1] + re.sub(r"\D", "", found[2])


def is_code(word: str) -> bool:
    """Return whether a word names one thing, such as a message, a model or a device: letters with digits."""
    return not word[0].isdigit() and any(map(str.isdigit, word))


@lru_cache(REMEMBERED)
def stem(word: str, language: str) -> str:
    """Return a word without its endings, umlauts written as plain letters; codes and numbers stay as they are."""
    if not word.isalpha():
        return word
    if language in LANGUAGES:
        with _lock:
            word = _stemmer(language).stemWord(word)
    for written, plain in _UMLAUTS:
        word = word.replace(written, plain)
    return word


@cache
def _stemmer(language: str) -> Any:
    # When it is first needed: it brings the stemmers of thirty languages, and most commands search nothing.
    import snowballstemmer

    return snowballstemmer.stemmer(language)


def with_umlauts(text: str) -> str:
    """Return German as models have read it, where it was written without umlauts: ``Kaelte`` is ``Kälte``."""

    def written(found: re.Match[str]) -> str:
        umlaut = _WRITTEN[found[0][:2].lower()]
        return (umlaut.upper() if found[0][0].isupper() else umlaut) + found[0][2:]

    return _DIGRAPH.sub(written, text)


def language_of(
    text: str,
    spoken: Callable[[str], Collection[str]] | None = None,
    is_english: Callable[[str], bool] | None = None,
) -> str:
    """Tell German from English by the small words, and where these are even, by umlauts or what is ``spoken``.

    Args:
        text: a question or a text.
        spoken: the languages in which the manuals know a word.
        is_english: whether a model of English knows a word. Where it knows none of several, and the manuals speak of
            one at most, the text is not English: "Wartungsintervall Kompressor" about an English manual.
    """
    found = re.findall(r"[^\W\d_]+", text.lower())
    german, english = small_words("german"), small_words("english")
    weight = sum((word in german) - (word in english) for word in found)
    if weight == 0 and set(text.lower()) & set("äöüß"):
        return GERMAN
    if weight == 0 and spoken is not None:
        weight = sum((GERMAN in heard) - (ENGLISH in heard) for heard in map(spoken, found))
    if weight in (0, -1) and is_english is not None and not english & set(found):
        telling = [word for word in found if len(word) >= SHORTEST_TELLING]
        if len(telling) > 1 and not any(map(is_english, telling)):
            return GERMAN
    return GERMAN if weight > 0 else ENGLISH


def says_nothing(word: str, language: str) -> bool:
    """Return whether a word of a question tells nothing of what is sought."""
    if len(word) == 1 and not word.isdigit() and word not in _UNITS:
        return True
    stop = small_words("stop" if language == ENGLISH else "stop-german")
    return word in stop or word in small_words(language)


@cache
def small_words(name: str) -> frozenset[str]:
    """Return a list of ``small-words.txt``."""
    text = resources.files(__package__).joinpath("small-words.txt").read_text("utf-8")
    for block in text.split("\n\n"):
        head, _, words = "\n".join(line for line in block.splitlines() if not line.startswith("#")).partition(":")
        if head.strip() == name:
            return frozenset(words.split())
    raise KeyError(name)
