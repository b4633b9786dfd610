"""Changes single values in a YAML file that people wrote, and nothing else in it: comments and order stay."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

_WIDTH = 120
_WORDS = re.compile(r"\d+(?:\.\d+)?(?:s|min|h|d)|[A-Za-z][^\s:#]*(?: [^\s]+)+(?<!:)")
"""A duration, or several words on one line that YAML takes for no mark, number or name of its own."""
_Pair = tuple[Node, Node] | None
"""A key and its value, where there are any."""


class YamlText:
    """The text of a file, in block style, in flow style, or in both."""

    def __init__(self, text: str) -> None:
        self.text = text
        """As it is now."""
        self._parsed: tuple[str, Node | None] | None = None

    def put(self, where: Sequence[str], key: str, value: str) -> bool:
        """Set a key of the mapping at ``where`` to a value in YAML.

        Returns False, and changes nothing, where there is no such mapping, or where the old value has an
        anchor or several lines, so that more would change than was meant.
        """
        found = self._mapping(where)
        if found is None or not found.value:
            return False
        old = _value_of(found, key)
        if old is None:
            self._insert(found, f"{key}: {value}")
            return True
        start, end = old.start_mark.index, old.end_mark.index
        if old.anchor or "\n" in self.text[start:end] or start == end:
            return False
        self.text = self.text[:start] + value + self.text[end:]
        return True

    def put_mapping(self, where: Sequence[str], key: str, values: Mapping[str, Any]) -> bool:
        """Set a key of the mapping at ``where`` to a mapping, or take the key away where that is empty.

        Comments within the old value go with it. Returns False, and changes nothing, where there is no such mapping,
        or where its value has an anchor, so that more would change than was meant.
        """
        found = self._mapping(where)
        if found is None or not found.value:
            return False
        pair = next(((name, old) for name, old in found.value if name.value == key), None)
        if pair is not None and (pair[1].anchor or "&" in self.text[pair[0].start_mark.index : pair[1].end_mark.index]):
            return False
        if found.flow_style:
            self._put_flow(found, pair, key, values)
        else:
            self._put_block(found, pair, key, values)
        return True

    def _put_flow(self, found: MappingNode, pair: _Pair, key: str, values: Mapping[str, Any]) -> None:
        if pair is None:
            end = found.value[-1][1].end_mark.index
            added = f", {key}: {_flow(values)}" if values else ""
            self.text = f"{self.text[:end]}{added}{self.text[end:]}"
            return
        start, end = pair[0].start_mark.index, pair[1].end_mark.index
        place = [name for name, _ in found.value].index(pair[0])
        if not values and place:  # the comma before it goes as well
            start = found.value[place - 1][1].end_mark.index
        elif not values and len(found.value) > 1:
            end = found.value[1][0].start_mark.index
        line = f"{key}: {_flow(values)}" if values else ""
        self.text = f"{self.text[:start]}{line}{self.text[end:]}"

    def _put_block(self, found: MappingNode, pair: _Pair, key: str, values: Mapping[str, Any]) -> None:
        column = found.value[0][0].start_mark.column
        lines = self.text.splitlines(keepends=True)
        if pair is None:
            first = end = _last_line(lines, found.value[-1][0].start_mark.line, column)
        else:
            first = pair[0].start_mark.line
            end = _last_line(lines, first, column)
        head, comment = f"{' ' * column}{key}:", ""
        if pair is not None and pair[1].start_mark.line > first:
            comment = lines[first].rstrip("\n").removeprefix(head)  # what people wrote behind the key stays
        written = [f"{head}{comment}\n", *_block(values, column + 2)] if values else []
        if lines and end == len(lines) and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        self.text = "".join([*lines[:first], *written, *lines[end:]])

    def has(self, where: Sequence[str]) -> bool:
        """Return whether there is a mapping with something in it."""
        found = self._mapping(where)
        return found is not None and bool(found.value)

    def _mapping(self, where: Sequence[str]) -> MappingNode | None:
        if self._parsed is None or self._parsed[0] != self.text:
            self._parsed = (self.text, YAML(pure=True).compose(self.text))
        node = self._parsed[1]
        for name in where:
            node = _value_of(node, name) if isinstance(node, MappingNode) else None
        return node if isinstance(node, MappingNode) else None

    def _insert(self, mapping: MappingNode, line: str) -> None:
        first_key, first_value = mapping.value[0]
        if mapping.flow_style:
            end = mapping.value[-1][1].end_mark.index
            self.text = f"{self.text[:end]}, {line}{self.text[end:]}"
            return
        indent = " " * first_key.start_mark.column
        if first_value.start_mark.line == first_key.start_mark.line == first_value.end_mark.line:
            # Below the first key, which says what it is, and its comment.
            end = self.text.find("\n", first_value.end_mark.index)
            end = len(self.text) if end < 0 else end
            self.text = f"{self.text[:end]}\n{indent}{line}{self.text[end:]}"
            return
        start = first_key.start_mark.index
        self.text = f"{self.text[:start]}{line}\n{indent}{self.text[start:]}"


def _value_of(mapping: MappingNode, key: str) -> Node | None:
    for name, value in mapping.value:
        if isinstance(name, ScalarNode) and name.value == key:
            found: Node = value
            return found
    return None


def _last_line(lines: Sequence[str], first: int, column: int) -> int:
    """Return the line behind the value of a key that stands in a column: behind all that is indented deeper."""
    end = first + 1
    for number in range(first + 1, len(lines)):
        text = lines[number]
        if not text.strip():
            continue  # within a value or behind it: what comes next tells
        if len(text) - len(text.lstrip(" ")) <= column:
            break
        end = number + 1
    return end


def _block(values: Mapping[str, Any], column: int) -> list[str]:
    """Return a mapping as lines in block style, as people write it: long texts fold, plain ones have no quotes."""
    lines = []
    for key, value in values.items():
        head = f"{' ' * column}{key}:"
        if isinstance(value, Mapping):
            lines += [f"{head}\n", *_block(value, column + 2)]
            continue
        is_words = isinstance(value, str) and _WORDS.fullmatch(value) is not None
        if is_words and ": " not in value and " #" not in value and len(head) + len(value) < _WIDTH:
            lines.append(f"{head} {value}\n")
        elif is_words and len(head) + len(value) >= _WIDTH:
            indent = " " * (column + 2)
            lines.append(f"{head} >-\n")
            folded = textwrap.wrap(value, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
            lines += [f"{indent}{line}\n" for line in folded]
        else:
            lines.append(f"{head} {_scalar(value)}\n")
    return lines


def _flow(values: Mapping[str, Any]) -> str:
    parts = (
        f"{key}: {_flow(value) if isinstance(value, Mapping) else _scalar(value)}" for key, value in values.items()
    )
    return f"{{{', '.join(parts)}}}"


def _scalar(value: object) -> str:
    """Return a value as YAML has it: what is quoted as JSON quotes it means the same there."""
    return json.dumps(value, ensure_ascii=False)
