"""The known word nearest to a mistyped one: by shared trigrams, then by edits."""

from collections.abc import Iterable

CANDIDATES = 60
SHORT_WORD = 5
"""Up to so many letters only swapped letters are forgiven: one letter more, less or other is often another word."""
LONG_WORD = 9
"""From so many letters on, two edits are forgiven."""


class Spelling:
    """Known words, and the one that was probably meant."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(dict.fromkeys(words))
        self._by_trigram: dict[str, list[int]] = {}
        for index, word in enumerate(self._words):
            for trigram in _trigrams(word):
                self._by_trigram.setdefault(trigram, []).append(index)

    def nearest(self, word: str, *, surely_mistyped: bool = False) -> str | None:
        """Return the nearest word within one edit (two in long words), or None.

        Short words must have the same letters in another order, unless it is known to be no word.
        """
        if not 4 <= len(word) <= 40:
            return None
        shared: dict[int, int] = {}
        for trigram in _trigrams(word):
            for index in self._by_trigram.get(trigram, ()):
                shared[index] = shared.get(index, 0) + 1
        allowed = 1 if len(word) < LONG_WORD else 2
        best: tuple[int, int, str] | None = None
        for index in sorted(shared, key=lambda index: -shared[index])[:CANDIDATES]:
            known = self._words[index]
            if len(word) <= SHORT_WORD and not surely_mistyped and sorted(known) != sorted(word):
                continue
            # The first letter is seldom wrong, but may have changed places with the second.
            if known[0] not in word[:2] or abs(len(known) - len(word)) > allowed:
                continue
            distance = edits(word, known)
            if distance <= allowed and (best is None or (distance, -shared[index], known) < best):
                best = (distance, -shared[index], known)
        return best[2] if best else None


def _trigrams(word: str) -> set[str]:
    padded = f"  {word} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


def edits(one: str, other: str) -> int:
    """Count inserted, dropped, changed and swapped letters between two words (Damerau, 1964)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before2, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            cost = min(before[to] + 1, row[-1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, before2[to - 2] + 1)
            row.append(cost)
    return row[-1]
