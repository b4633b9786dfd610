"""Changes single values in a YAML file that people wrote, and nothing else in it: comments and order stay."""

from collections.abc import Sequence

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode


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
