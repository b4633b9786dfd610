"""The mistakes of one file, gathered until all are known."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from aegisflow.errors import ConfigError, Mistake

KeyPath = tuple[str | int, ...]
"""Where a value stands: the keys from the top of the file down to it."""

MAX_SHOWN = 200
"""Nobody reads more, and a damaged file can have as many mistakes as lines."""

_PASSWORD = re.compile(r"//([^:/@\s]*):\S*@")


class Mistakes:
    """Gathers mistakes with their place in the file; ``stop`` raises them together."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: Mapping[KeyPath, int] = {}
        """Key path to line, counted from 1; for the mistakes to come."""
        self.variables: Mapping[KeyPath, str] = {}
        """Key paths whose value came from an environment variable, and its name."""
        self.found: list[Mistake] = []
        """In the order in which they were found."""
        self._places: set[KeyPath] = set()

    def add(self, at: KeyPath, value: object, expected: str, *, line: int | None = None) -> None:
        """Record that the value at a key path is not what was expected.

        The first mistake at a key path counts: those that follow from it would only confuse.
        """
        if at in self._places and line is None:
            return
        self._places.add(at)
        found = value if isinstance(value, Shown) else show(value)
        if at in self.variables:
            mistake = Mistake("environment", self.variables[at], found, expected)
        else:
            mistake = Mistake(self.file, key_path(at), found, expected, line or self._line(at))
        self.found.append(mistake)

    def any_in(self, at: KeyPath) -> bool:
        """Return whether there is a mistake at this key path or below it."""
        return any(place[: len(at)] == at for place in self._places)

    def stop(self) -> None:
        """Raise what was found, in the order of the file; does nothing if nothing was.

        Raises:
            ConfigError: with at most ``MAX_SHOWN`` mistakes and one that counts the rest.
        """
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda mistake: mistake.line or 0)
        rest = len(ordered) - MAX_SHOWN
        if rest > 0:
            more = Mistake(self.file, "", f"{rest} more mistakes", "those above to be put right first")
            ordered = [*ordered[:MAX_SHOWN], more]
        raise ConfigError(ordered)

    def _line(self, at: KeyPath) -> int | None:
        for length in range(len(at), 0, -1):
            if at[:length] in self.lines:
                return self.lines[at[:length]]
        return None


class Shown(str):
    """A text for the ``value`` of a mistake that is already worded."""

    __slots__ = ()


def show(value: object) -> str:
    """Return a value as a person would recognise it, short and without a password in a URL."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"a mapping with {_counted(len(value), 'key')}"
    if isinstance(value, list | tuple):
        return f"a list of {_counted(len(value), 'item')}"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, float):
        return f"{value:.12g}"
    text = _PASSWORD.sub(r"//\1:***@", str(value))
    text = text if len(text) <= 60 else text[:57] + "…"
    return repr(text) if isinstance(value, str) else text


def key_path(at: KeyPath) -> str:
    """Return a key path as text, dots between keys."""
    keys = (str(key)[:80] for key in at)
    return ".".join(key if key.isprintable() else repr(key) for key in keys)


def one_of(choices: list[str]) -> str:
    """Return ``one of: a, b, c``, shortened where there are many."""
    shown = ", ".join(choices[:12]) + (", …" if len(choices) > 12 else "")
    return f"one of: {shown or '(there are none)'}"


def closest(word: str, choices: list[str]) -> str:
    """Return ``; did you mean 'x'?``, or nothing where no choice is near."""
    near = get_close_matches(word[:80], choices, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
