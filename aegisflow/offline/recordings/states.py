"""Columns of words that are states: open and closed, on and off, names of phases."""

import re

from aegisflow.offline.recordings.numbers import ABSENT
from aegisflow.offline.recordings.survey import ColumnSurvey

__all__ = ["states_of"]

_MOST = 12
"""More different words are remarks."""
_OFTEN = 3
"""So often at least states stand there, in the mean."""
_WORD = re.compile(r"[^\W\d_][\w .:/+-]{0,39}")
"""What states are called; anything else is no table."""
_OFF = frozenset({"off", "closed", "close", "false", "no", "stopped", "stop", "idle", "aus", "zu", "nein", "inactive"})


def states_of(column: ColumnSurvey) -> dict[str, float]:
    """Return a number for each word of a column, in lower case; none where it has numbers, or too many words.

    What rests is 0; the others follow in the order of the alphabet: as states they are told apart, not measured.
    """
    if column.many or column.numbers:
        return {}
    words = {text for cell in column.texts if (text := cell.strip().lower()) not in ABSENT}
    if not 2 <= len(words) <= _MOST or column.words < _OFTEN * len(words):
        return {}
    if not all(map(_WORD.fullmatch, words)):
        return {}
    return {word: float(number) for number, word in enumerate(sorted(words, key=lambda word: (word not in _OFF, word)))}
