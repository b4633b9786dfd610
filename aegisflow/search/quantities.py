"""What a question asks the size of, and values in a text: "how heavy" is answered in kilograms, whatever they are of.

Only quantities of which a machine has few values: where lengths and temperatures stand on every page, one more is no
sign of an answer.
"""

import re
from typing import NamedTuple

MARK = "#"
"""Before the name of a quantity among words; no word of a text has it."""


class _Quantity(NamedTuple):
    name: str
    asked: str
    """What asks for it in English and German, as alternatives of a pattern."""
    told: str
    """What tells it."""


_TIMES = "hours?|days?|weeks?|months?|years?|shifts?|stunden?|tagen?|tage?|wochen?|monate?n?|jahre?n?|schicht(en)?"
_QUANTITIES = (
    _Quantity(
        "mass",
        r"(how|wie) (heavy|schwer)|what (do|does) \S+( \S+)? weigh|how much (do|does) \S+( \S+)? weigh"
        r"|(was|wie ?viel) wiegt",
        r"\d\s?(kg|t|lbs?|tonn(e|es|en))",
    ),
    _Quantity("sound", r"(how|wie) (loud|noisy|laut)", r"\d\s?db"),
    _Quantity(
        "interval",
        r"(how|wie) (often|frequently|oft|häufig)",
        rf"\d\s?(h|{_TIMES})|every|hourly|daily|weekly|monthly|quarterly|yearly|annual(ly)?"
        rf"|(stünd|täg|wöchent|monat|(viertel|halb)?jähr)lich(e[nrs]?)?|jede[nrs]? (\S+ )?({_TIMES})",
    ),
)
_ASKED = {MARK + each.name: re.compile(rf"\b({each.asked})\b", re.IGNORECASE) for each in _QUANTITIES}
_TOLD = {MARK + each.name: re.compile(rf"(?<![^\W\d])({each.told})(?![\w/²³])", re.IGNORECASE) for each in _QUANTITIES}


def asked_for(text: str) -> list[str]:
    """Return the quantities that a question asks the size of, as words that no text has."""
    return [name for name, pattern in _ASKED.items() if pattern.search(text)]


def told_by(text: str) -> list[str]:
    """Return the quantities that a text has values of, as the same words."""
    return [name for name, pattern in _TOLD.items() if pattern.search(text)]
