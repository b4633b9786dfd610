"""The nodes of a YAML 1.2 text: what was written where, before anybody asks what it means."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 20
MAX_WRITTEN_DEPTH = 100
"""Levels that are worth building at all; a text with more is no plant gone wrong, and has no line to point at."""
MAX_VALUES = 1_000_000
"""Values in one file, each use of an anchor counted anew: small files can unfold to billions."""

_READ_DIFFERENTLY = re.compile(r"[\t\x85\u2028\u2029\ufeff]|^%|[|>][-+0-9]*#", re.MULTILINE)
"""Tabs, rare line breaks, directives and a comment right behind a block's mark: the two parsers disagree on them."""


@dataclass(slots=True)
class ScalarNode:
    """A text, and how it was written."""

    text: str
    line: int
    tag: str
    """An explicit tag, or ``str`` for quoted text; empty where the text itself says what it is."""


@dataclass(slots=True)
class MappingNode:
    """Keys with their values."""

    line: int
    nodes: list["Node"]
    """Keys and values in turn."""
    size: int = 1
    """Values in it, with all that its aliases stand for."""


@dataclass(slots=True)
class SequenceNode:
    """A list."""

    line: int
    nodes: list["Node"]
    size: int = 1


Node = ScalarNode | MappingNode | SequenceNode


class NotYamlError(Exception):
    """Nothing can be made of the text; ``found`` is empty where the line itself shows it."""

    def __init__(self, expected: str, line: int | None = None, found: str = "") -> None:
        super().__init__(expected)
        self.expected, self.line, self.found = expected, line, found


class _UnclearError(Exception):
    """The fast parser's word is not good enough."""


def compose(text: str) -> Node | None:
    """Return the root of the nodes of a text; ``None`` if it holds no document.

    Raises:
        NotYamlError: what is wrong, and on which line.
    """
    try:
        return _compose_fast(text)
    except _UnclearError:
        return _compose_in_words(text)


def _compose_fast(text: str) -> Node | None:
    """Return the root as libyaml reads the text.

    libyaml is twenty times as fast as ruamel.yaml, but it knows YAML 1.1 and explains mistakes
    poorly. So it is believed only where it is content and the text has nothing that the two read
    differently; ``tests/config/test_nodes.py`` holds one against the other.
    """
    import yaml

    if not yaml.__with_libyaml__ or _READ_DIFFERENTLY.search(text):
        raise _UnclearError
    try:
        return _build(iter(yaml.CSafeLoader(text).get_event, None), plain=True)
    except yaml.YAMLError as error:
        raise _UnclearError from error
    except NotYamlError as error:
        if error.found:
            raise
        raise _UnclearError from error


def _compose_in_words(text: str) -> Node | None:
    """Return the root as ruamel.yaml reads the text; it knows YAML 1.2 and says well what is wrong."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return _build(YAML(typ="safe", pure=True).parse(text), plain=False)
    except NotYamlError:
        raise
    except YAMLError as error:
        raise NotYamlError(f"valid YAML ({_problem(error)})", _line(error, text)) from error
    except Exception as error:  # on damaged text the parser also fails in ways of its own
        raise NotYamlError("YAML", found=f"text the parser fails on ({type(error).__name__})") from error


def _line(error: Any, text: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    return text.count("\n", 0, getattr(error, "position", 0)) + 1


def _problem(error: Any) -> str:
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read")
    if "'\\t'" in problem:
        return "indentation by spaces, not by a tab"
    return " ".join(problem.split())[:120]


def _build(events: Iterable[Any], *, plain: bool) -> Node | None:
    """Return the root of what a parser reports, event by event; both parsers name their events alike.

    Neither recursion nor memory grows with what a text claims to be: depth is bounded here, and
    what an alias would unfold to is only counted.

    Args:
        events: of one whole text.
        plain: give up as unclear on tags and marked ends, which the two parsers take differently.
    """
    root: Node | None = None
    documents = 0
    stack: list[MappingNode | SequenceNode] = []
    anchors: dict[str, Node] = {}
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        if kind == "ScalarEvent":
            node: Node = ScalarNode(event.value, line, _tag(event))
        elif kind == "MappingStartEvent":
            node = MappingNode(line, [])
        elif kind == "SequenceStartEvent":
            node = SequenceNode(line, [])
        elif kind == "AliasEvent":
            node = _aliased(event.anchor, anchors, stack, line)
        else:
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                _measure(stack.pop())
            elif kind == "DocumentEndEvent" and plain and event.explicit:
                raise _UnclearError
            elif kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise NotYamlError("valid YAML (but found another document)", line)
            continue
        if stack:
            stack[-1].nodes.append(node)
        else:
            root = node
        if kind == "AliasEvent":
            continue
        if plain and event.tag is not None:
            raise _UnclearError
        if event.anchor is not None:
            anchors[event.anchor] = node
        if not isinstance(node, ScalarNode):
            stack.append(node)
            if len(stack) > MAX_WRITTEN_DEPTH:
                raise NotYamlError(f"at most {MAX_DEPTH} levels", found="very deep nesting")
    return root


def _tag(event: Any) -> str:
    if event.tag is not None and event.tag != "!":
        return str(event.tag)
    return "str" if event.style else ""


def _aliased(name: str, anchors: dict[str, Node], stack: list[MappingNode | SequenceNode], line: int) -> Node:
    node = anchors.get(name)
    if node is None:
        raise NotYamlError(f"valid YAML (found undefined alias {name!r})", line)
    if any(node is unfinished for unfinished in stack):
        raise NotYamlError(f"at most {MAX_DEPTH} levels", line, "very deep nesting")
    return node


def _measure(node: MappingNode | SequenceNode) -> None:
    """Count what is in a node that is complete; what its aliases stand for is counted as often as it is used."""
    values = node.nodes[1::2] if isinstance(node, MappingNode) else node.nodes
    node.size = 1 + sum(1 if isinstance(value, ScalarNode) else value.size for value in values)
    if node.size > MAX_VALUES:
        raise NotYamlError("a file that unfolds to fewer", node.line, f"more than {MAX_VALUES} values")
