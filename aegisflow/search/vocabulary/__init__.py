"""Word lists that people can read and extend: German, synonyms, small words."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

Groups = list[tuple[str, ...]]
"""Each group is one thing; any of its words stands for it."""


@cache
def glossary(file: str) -> Mapping[str, tuple[str, ...]]:
    """Return a file of ``said = written, written ...`` lines; later lines win."""
    return {said: tuple(filter(None, map(str.strip, written.split(",")))) for said, written in _pairs(file)}


@cache
def small_words(name: str) -> frozenset[str]:
    """Return a list of ``small-words.txt``."""
    for block in _text("small-words.txt").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines and lines[0] == f"{name}:":
            return frozenset(" ".join(lines[1:]).split())
    raise KeyError(name)


@cache
def word_list(file: str) -> frozenset[str]:
    """Return the words of a file; lines that begin with ``#`` are for people."""
    return frozenset(word for line in _text(file).splitlines() if not line.startswith("#") for word in line.split())


def _pairs(file: str) -> list[tuple[str, str]]:
    lines = (line for line in _text(file).splitlines() if "=" in line and not line.startswith("#"))
    return [(said.strip(), written) for said, _, written in (line.partition("=") for line in lines)]


def _text(file: str) -> str:
    return resources.files(__package__).joinpath(file).read_text("utf-8")
