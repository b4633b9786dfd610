"""The content of a YAML file as plain values, with the line that every key stands on."""

import hashlib
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, show
from aegisflow.config.nodes import MAX_DEPTH, MappingNode, Node, NotYamlError, ScalarNode, SequenceNode, compose

MAX_BYTES = 8_000_000

_YAML = "a YAML file such as config/plant.yaml"
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TEXTS = ("str", "timestamp")
"""Tags of what is taken as it is written."""
_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
"""What a plain scalar must look like to be a number in YAML 1.2, with the underscores that people write."""


class Source(NamedTuple):
    """What a file says."""

    data: dict[str, Any]
    lines: dict[KeyPath, int]
    digest: str
    """The SHA-256 of its bytes, as hex."""


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, at most one more than ``MAX_BYTES``.

    Raises:
        OSError: it cannot be read.
        ValueError: its name is none.
    """
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read(path: Path, mistakes: Mistakes, content: bytes | None = None) -> Source:
    """Read a file; keys become texts, scalars ``str``, ``int``, ``float``, ``bool`` or ``None``.

    Duplicate keys, tags and numbers that are not finite are added to ``mistakes`` and left out.

    Args:
        path: of the file.
        mistakes: gathers what is wrong.
        content: of the file, where it has been read already.

    Raises:
        ConfigError: nothing can be made of the file.
    """
    content = _bytes(path, mistakes) if content is None else content
    root = _root(_text(content, mistakes), mistakes)
    reader = _Reader(mistakes)
    data: Any = {}
    if isinstance(root, MappingNode):
        data = reader.mapping(root, ())
    else:
        found = "nothing" if root is None else "a list" if isinstance(root, SequenceNode) else show(root.text)
        mistakes.add((), Shown(found), "keys such as plant:, kinds: and lines:", line=1)
        mistakes.stop()
    return Source(data, reader.lines, hashlib.sha256(content).hexdigest())


def _bytes(path: Path, mistakes: Mistakes) -> bytes:
    try:
        return content_of(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        mistakes.add((), Shown((reason or str(error)).lower()), f"{_YAML} that can be read")
        mistakes.stop()
        raise


def _text(content: bytes, mistakes: Mistakes) -> str:
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


def _root(text: str, mistakes: Mistakes) -> Node | None:
    try:
        return compose(text)
    except NotYamlError as error:
        line = None if error.line is None else min(error.line, text.count("\n") + 1)
        found = error.found or show(text.split("\n")[(line or 1) - 1].strip())
        mistakes.add((), Shown(found), error.expected, line=line)
        mistakes.stop()
        raise


class _Reader:
    """Turns nodes into values."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self.lines: dict[KeyPath, int] = {}

    def mapping(self, node: MappingNode, at: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        nodes = iter(node.nodes)
        for key_node, value_node in zip(nodes, nodes, strict=True):
            if not isinstance(key_node, ScalarNode):
                found = Shown("a key that is itself a list or a mapping")
                self.mistakes.add(at, found, "a word as key", line=key_node.line)
                continue
            key, line = key_node.text, key_node.line
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
        if len(at) > MAX_DEPTH:
            self.mistakes.add((), Shown("very deep nesting"), f"at most {MAX_DEPTH} levels", line=node.line)
            self.mistakes.stop()
        if isinstance(node, ScalarNode):
            return self.scalar(node, at)
        if isinstance(node, MappingNode):
            return self.mapping(node, at)
        items = (self.value(item, (*at, index)) for index, item in enumerate(node.nodes))
        return [item for item in items if item is not _REFUSED]

    def scalar(self, node: ScalarNode, at: KeyPath) -> Any:
        text, tag = node.text, node.tag.removeprefix("tag:yaml.org,2002:")
        if tag in _TEXTS:
            return text
        if tag == "null" or (tag == "" and text in _NULL):
            return None
        if tag in ("", "bool") and text in _BOOL:
            return _BOOL[text]
        if tag == "" and not _NUMBER.fullmatch(text):
            return text
        if tag not in ("", "int", "float"):
            self.mistakes.add(at, Shown(f"the tag {show(tag)}"), "a plain value without a tag", line=node.line)
            return _REFUSED
        number = _number(text)
        if number is None:
            self.mistakes.add(at, text, "a finite number", line=node.line)
            return _REFUSED
        return number


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
