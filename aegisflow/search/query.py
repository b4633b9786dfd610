"""What a question asks for: its words, its language, and whether it asks for something that no manual says."""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from aegisflow.search.quantities import asked_for
from aegisflow.search.words import GERMAN, is_code, language_of, says_nothing, with_umlauts, words_of

MAX_QUERY_CHARS = 2_000
MAX_WORDS = 32

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONATE = "januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
_DAYS = "(mon|tues|wednes|thurs|fri|satur|sun)day"
_TAGE = "(mon|diens|donners|frei|sams|sonn)tag|mittwoch"
_SPAN = "hour|shift|night|week|month|year|quarter|day"
_SPANNE = "stunde|schicht|nacht|woche|monat|jahr|quartal|tag"

_NOW_OR_THEN = re.compile(
    rf"\b(yesterday|today('s)?|tonight|currently|right now|just now|at (the moment|present)|so far|scheduled"
    rf"|current (temp|val|read|press|stat|alarm|mode|load)\w*|this (morning|afternoon|evening|{_SPAN})"
    rf"|(last|past|this|next) (few |two |three |\d+ )?({_SPAN}|{_DAYS})s?|(an?|one|two|three|\d+) ({_SPAN})s? ago"
    rf"|(in|since) ({_MONTHS})|(on|since) {_DAYS}"
    rf"|gestern|vorgestern|heute|aktuell\w*|derzeit|momentan|im moment|zurzeit|vorhin|zuletzt|gerade( eben| an\b)?"
    rf"|(letzte|vergangene|diese)[nrsm]? (paar |zwei |drei |\d+ )?({_SPANNE}|{_TAGE})\w*"
    rf"|vor (einer?|zwei|drei|\d+) ({_SPANNE})\w*|(im|seit) ({_MONATE})|(am|seit) ({_TAGE}))\b",
    re.IGNORECASE,
)
_WAS = re.compile(
    r"^\W*(when (was|were|did)|did|has (it|he|she|the|our)|have (we|they)"
    r"|(is|are)( \S+){1,4} (running|online|on|off|up|down)\W*$"
    r"|how (many|much|often|long) .*\b(did|have we|has (it|the)|was|were)\b"
    r"|wann (war|waren|wurden?|hat|haben)|hat(te)? (er|sie|es|der|die|das|unser\w*)|lief(en)?|läuft|war(en)?"
    r"|wie (viel|viele|oft|lange) .*\b(hat (er|sie|es|die|der|das)|haben wir|war|waren|wurden?|lief)\b)\b",
    re.IGNORECASE,
)
"""Asks what happened, whenever it was."""
_ASKS = re.compile(
    r"^\W*(who|whom|what|which|when|where|how|is|are|was|were|did|do|does|has|have|list|show|give|tell"
    r"|wer|wen|wem|was|welche[nrsm]?|wann|wo|wie|ist|sind|war|hat|haben|lief|läuft|steht|stehen|zeige?|gib|nenne?)\b",
    re.IGNORECASE,
)
_SHORT = 5
"""Words: so short, a text is no sentence that tells something, but names what is sought."""
_FEW = 2
"""Words that say something: with no more beside it, a code is what is asked after."""
_ADVICE = re.compile(
    r"\b(can|could|(?<!in )(?<!since )may|must|should|shall|what do (i|we)|how do (i|we)|what to"
    r"|darf|dürfen|kann|können|muss|müssen|sollte?n?|mache? ich|machen wir|tun)\b",
    re.IGNORECASE,
)
"""Asks what to do, not what was, be it today."""
_MONEY = re.compile(
    r"\b(prices?|priced|pricing|costs?|expensive|cheap(er|est)?|how much (is|are) (an?|one|two)|budget|discounts?"
    r"|quotation|invoices?|subsid(y|ies)|price list|dollars?|euros?|usd|eur"
    r"|(listen|ersatzteil|stück|kauf)?preise?n?|kosten|kostet|teuer|teurer|billig\w*|günstig(er|ste\w*)|rabatte?"
    r"|förder(geld|ung|mittel)\w*|zuschuss|zuschüsse)\b|[€$£]",
    re.IGNORECASE,
)
_PERSON = (
    r"manager|director|engineer|technician|fitter|electrician|operator|owner|officer|supervisor|installer|foreman|ceo"
    r"|setter|inspector|contact|person|colleague"
)
_PEOPLE = re.compile(
    rf"\b(((tele)?phone|mobile|cell|fax|hotline) number|e-?mail( address)?|contact details"
    rf"|(telefon|handy|fax|ruf)nummer\w*|anschrift|(wie|wo) erreiche (ich|wir) (den|die|unser\w*)"
    rf"|names? of (the|our|your|a) (\S+ )?(\S+ )?({_PERSON})\w*"
    rf"|who (is|was|are|were) (the|our|your|my|on)|who('s| is) (responsible|in charge)"
    rf"|who (did|built|made|sold|wrote|bought|drove|ran|led|won|\w+(?<!ne)ed)\b"
    rf"|wie heiß(t|en) (der|die|unser\w*|dein\w*) \w*(er|in|leiter|chef|techniker|beauftragte\w*|meister)"
    rf"|wer (ist|sind|war|waren) (der|die|das|unser\w*|bei|zuständig|verantwortlich|im|in)"
    rf"|wer (hat|haben)\b.*\b(\w*ge\w+(t|en)|\w+iert|(er|be|ver|unter|ent)\w+(t|en))(?=\W*$))\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;]\s+|\n")
_MESSAGE = re.compile(
    r"\b(?:faults?|errors?|alarms?|messages?|codes?|warnings?|trips?|fehler(?:code)?|meldung|störung|alarm|warnung)"
    r"(?: (?:no|nr|number|nummer|code)\.?)? ((?:[a-z]{1,3}[-.]?|[b-hj-z] )\d{1,5}|\d{3,6})\b",
    re.IGNORECASE,
)


class Sought(Enum):
    """What kind of thing a question asks for."""

    MANUAL = "manual"
    """What a manual may say."""
    NEWS = "news"
    """What is or was the case on a machine, which no manual says."""
    MONEY = "money"
    """A price."""
    PEOPLE = "people"
    """Who somebody is, did something, or how to reach them."""


@dataclass(frozen=True, slots=True)
class QueryWording:
    """A question, taken apart."""

    text: str
    """As asked, for models that read meaning, but with umlauts where German was written without."""
    words: tuple[str, ...]
    language: str
    sought: Sought = Sought.MANUAL
    codes: frozenset[str] = frozenset()
    """Words that name one model, part or message; what is said of another one may not hold for it."""
    messages: frozenset[str] = frozenset()
    """Those that name what a display shows: another one's passage does not answer."""


def parse_query(
    text: str,
    kinds: Collection[str] = (),
    spoken: Callable[[str], Collection[str]] | None = None,
    is_english: Callable[[str], bool] | None = None,
) -> QueryWording:
    """Take a question apart.

    Args:
        text: as the person wrote it; only the first ``MAX_QUERY_CHARS`` are read.
        kinds: kinds of device; ``pump-02`` is no code of a message where ``pump`` is one of them.
        spoken: the languages in which the manuals know a word.
        is_english: whether a model of English knows a word.
    """
    text = unicodedata.normalize("NFC", text[:MAX_QUERY_CHARS]).replace("’", "'").strip()
    words = tuple(dict.fromkeys(words_of(text)))[:MAX_WORDS]
    language = language_of(text, spoken, is_english)
    codes = {word for word in words if is_code(word) and word.rstrip("0123456789") not in kinds}
    messages = {word for found in _MESSAGE.findall(text) for word in words_of(found)}
    if len(codes) == 1 and sum(not says_nothing(word, language) for word in words) <= _FEW:
        messages |= codes
    meant = with_umlauts(text) if language == GERMAN else text
    return QueryWording(
        meant, (*words, *asked_for(text)), language, _sought(text), frozenset(codes), frozenset(messages)
    )


def _sought(text: str) -> Sought:
    if _MONEY.search(text):
        return Sought.MONEY
    # Who asks what to do asks no news, and who asks who may do it asks for no name.
    sentences = [part for part in _SENTENCE_END.split(text) if part]
    parts = [part for part in sentences if not _ADVICE.search(part)]
    if any(map(_PEOPLE.search, parts)):
        return Sought.PEOPLE
    return Sought.NEWS if any(_asks_for_news(part, len(sentences) == 1) for part in parts) else Sought.MANUAL


def _asks_for_news(sentence: str, alone: bool) -> bool:
    """Tell who asks for it from who tells of it: "we swapped it yesterday. What is wrong?"."""
    if _WAS.search(sentence):
        return True
    asks = _ASKS.search(sentence) or (alone and len(sentence.split()) <= _SHORT)
    return bool(asks and _NOW_OR_THEN.search(sentence))
