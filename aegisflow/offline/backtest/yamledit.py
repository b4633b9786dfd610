"""Changes single values in a YAML file that people wrote, and nothing else in it: comments and order stay."""

import re
from collections.abc import Sequence

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[^\s#][^:#]*?) *:(?P<rest>.*)$")
_VALUE = re.compile(r"^(?P<gap> *)(?P<value>\{[^}]*\}|\[[^\]]*\]|[^#]*?)(?P<comment> *#.*)?$")


class YamlText:
    """The text of a file in block style."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)

    @property
    def text(self) -> str:
        """As it is now."""
        return "".join(self._lines)

    def put(self, where: Sequence[str], key: str, value: str) -> bool:
        """Set a key of the mapping at ``where``; False where that is not written in block style."""
        start, end, indent = 0, len(self._lines), -1
        for name in where:
            found = self._find(name, start, end, indent)
            if found is None:
                return False
            line, indent = found
            match = _KEY.match(self._lines[line])
            if match is None or _bare(match["rest"]):
                return False
            start, end = line + 1, self._end(line + 1, end, indent)
        there = self._find(key, start, end, indent)
        if there is None:
            below = self._below(start, end)
            if below is None:
                return False
            self._lines.insert(below[0] + 1, f"{' ' * below[1]}{key}: {value}\n")
            return True
        line = there[0]
        match = _KEY.match(self._lines[line].rstrip("\n"))
        if match is None:
            return False
        old = _VALUE.match(match["rest"])
        if old is None or not old["value"].strip():
            return False
        self._lines[line] = f"{match['indent']}{match['key']}: {value}{old['comment'] or ''}\n"
        return True

    def _find(self, name: str, start: int, end: int, above: int) -> tuple[int, int] | None:
        """Return line and indent of a key that is a child of the block above."""
        below = self._below(start, end)
        if below is None or below[1] <= above:
            return None
        for number in range(start, end):
            match = _KEY.match(self._lines[number])
            if match is not None and len(match["indent"]) == below[1] and match["key"].strip("'\"") == name:
                return number, below[1]
        return None

    def _below(self, start: int, end: int) -> tuple[int, int] | None:
        """Return line and indent of the first key between."""
        for number in range(start, end):
            match = _KEY.match(self._lines[number])
            if match is not None:
                return number, len(match["indent"])
        return None

    def _end(self, start: int, end: int, indent: int) -> int:
        for number in range(start, end):
            match = _KEY.match(self._lines[number])
            if match is not None and len(match["indent"]) <= indent:
                return number
        return end


def _bare(rest: str) -> str:
    """Return what stands behind the colon, without a comment."""
    return rest.split("#")[0].strip()
