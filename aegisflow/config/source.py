"""The text of a YAML 1.2 file as plain values, with the line that every key stands on."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, show

MAX_BYTES = 8_000_000
MAX_DEPTH = 20
MAX_VALUES = 1_000_000
"""Values in one file, each use of an anchor counted anew: small files can unfold to billions."""

_TAG = "tag:yaml.org,2002:"
_YAML = "a YAML file such as config/plant.yaml"


class Source(NamedTuple):
    """What a file says."""

    data: dict[str, Any]
    lines: dict[KeyPath, int]


def read(path: Path, mistakes: Mistakes) -> Source:
    """Read a file; keys become texts, scalars ``str``, ``int``, ``float``, ``bool`` or ``None``.

    Duplicate keys, tags and numbers that are not finite are added to ``mistakes`` and left out.

    Raises:
        ConfigError: nothing can be made of the file.
    """
    root = _compose(_text(path, mistakes), mistakes)
    reader = _Reader(mistakes)
    data: Any = {}
    if isinstance(root, MappingNode):
        data = reader.mapping(root, ())
    else:
        found = "nothing" if root is None else "a list" if isinstance(root, SequenceNode) else show(root.value)
        mistakes.add((), Shown(found), "keys such as plant:, kinds: and lines:", line=1)
        mistakes.stop()
    return Source(data, reader.lines)


def _text(path: Path, mistakes: Mistakes) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        mistakes.add((), Shown((reason or str(error)).lower()), f"{_YAML} that can be read")
        mistakes.stop()
        raise
    if len(content) > MAX_BYTES:
        mistakes.add((), Shown(f"more than {MAX_BYTES} bytes"), f"a file of at most {MAX_BYTES} bytes")
        mistakes.stop()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistakes.add((), Shown(f"byte 0x{content[error.start]:02x}"), "text in UTF-8", line=line)
        mistakes.stop()
        raise


def _compose(text: str, mistakes: Mistakes) -> Node | None:
    """Return the root of the document's nodes, ``None`` if there is no document."""
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except RecursionError:
        mistakes.add((), Shown("very deep nesting"), f"at most {MAX_DEPTH} levels")
    except YAMLError as error:
        line = min(_line(error, text), text.count("\n") + 1)
        mistakes.add((), text.split("\n")[line - 1].strip(), f"valid YAML ({_problem(error)})", line=line)
    except Exception as error:  # noqa: BLE001 - on damaged text the parser also fails in ways of its own
        mistakes.add((), Shown(f"text the parser fails on ({type(error).__name__})"), "YAML")
    else:
        return root
    mistakes.stop()
    raise AssertionError


def _line(error: YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    return text.count("\n", 0, getattr(error, "position", 0)) + 1


def _problem(error: YAMLError) -> str:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read")
    if "'\\t'" in problem:
        return "indentation by spaces, not by a tab"
    return " ".join(problem.split())[:120]


class _Reader:
    """Turns nodes into values."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self.lines: dict[KeyPath, int] = {}
        self.values = 0

    def mapping(self, node: MappingNode, at: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self.mistakes.add(at, Shown("a key that is itself a list or a mapping"), "a word as key", line=line)
                continue
            key = str(key_node.value)
            below = (*at, key)
            if below in self.lines:
                expected = f"each key once; it already stands on line {self.lines[below]}"
                self.mistakes.add(below, Shown(f"{show(key)} a second time"), expected, line=line)
                continue
            self.lines[below] = line
            value = self.value(value_node, below)
            if value is not _REFUSED:
                result[key] = value
        return result

    def value(self, node: Node, at: KeyPath) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            self.give_up(node, f"more than {MAX_VALUES} values", "a file that unfolds to fewer")
        if len(at) > MAX_DEPTH:
            self.give_up(node, "very deep nesting", f"at most {MAX_DEPTH} levels")
        if isinstance(node, ScalarNode):
            return self.scalar(node, at)
        if isinstance(node, MappingNode):
            return self.mapping(node, at)
        items = (self.value(item, (*at, index)) for index, item in enumerate(node.value))
        return [item for item in items if item is not _REFUSED]

    def give_up(self, node: Node, found: str, expected: str) -> None:
        self.mistakes.add((), Shown(found), expected, line=node.start_mark.line + 1)
        self.mistakes.stop()

    def scalar(self, node: ScalarNode, at: KeyPath) -> Any:
        kind, text = str(node.tag).removeprefix(_TAG), str(node.value)
        line = node.start_mark.line + 1
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            number = _number(text)
            if number is None:
                self.mistakes.add(at, text, "a finite number", line=line)
                return _REFUSED
            return number
        if kind in ("str", "timestamp", "merge", "value", "yaml"):
            return text
        self.mistakes.add(at, Shown(f"the tag {show(kind)}"), "a plain value without a tag", line=line)
        return _REFUSED


class _Refused:
    """Stands for a value that was reported and is left out."""


_REFUSED = _Refused()


def _number(text: str) -> int | float | None:
    plain = text.replace("_", "").lower()
    try:
        if re.fullmatch(r"[-+]?0[xob].*", plain):
            return int(plain, 0)
        if re.fullmatch(r"[-+]?\d+", plain):
            number: int | float = int(plain)
        else:
            number = float(re.sub(r"\.(inf|nan)$", r"\1", plain))
        return number if math.isfinite(number) else None
    except (ValueError, OverflowError):
        return None
