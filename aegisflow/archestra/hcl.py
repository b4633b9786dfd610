"""Writes Terraform's language (HCL 2) in the form that ``terraform fmt`` gives it.

Only what the export needs: blocks of attributes whose values are texts, numbers, truth values, lists, mappings
and references.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["HclBlock", "Reference", "Value", "identifier", "quoted", "render"]

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


class Reference(str):
    """An expression that stands as it is, such as ``archestra_agent.aegisflow.id``."""

    __slots__ = ()


Value = str | bool | int | float | Reference | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class HclBlock:
    """A block such as ``resource "archestra_agent" "aegisflow" { … }``."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Value] = field(default_factory=dict)
    comment: str = ""
    """Above the block; may have several lines."""
    blocks: tuple["HclBlock", ...] = ()
    """Within the block, after its attributes."""


def render(blocks: Sequence[HclBlock], heading: str = "") -> str:
    """Return a file: a heading as comment, and the blocks with empty lines between."""
    parts = ["\n".join(_comment(heading))] if heading else []
    parts += ["\n".join(_lines(block)) for block in blocks]
    return "\n\n".join(parts) + "\n"


def quoted(text: str) -> str:
    """Return a text as a literal that means exactly that text: nothing in it is a template."""
    escaped = "".join(_ESCAPES.get(char) or _visible(char) for char in text)
    # A template begins with ${ or %{ as it stands in the file. Doubling the sign escapes it for Terraform, but not
    # every reader understands that next to other signs; an escaped sign means itself to all of them.
    return '"' + escaped.replace("${", "\\u0024{").replace("%{", "\\u0025{") + '"'


def identifier(text: str) -> str:
    """Return a text as a legal name of a block; different texts may become the same."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return plain if plain[:1].isalpha() else f"x_{plain}"


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]


def _lines(block: HclBlock) -> Iterator[str]:
    yield from _comment(block.comment)
    head = " ".join([block.kind, *map(quoted, block.labels)])
    if not block.body and not block.blocks:
        yield f"{head} {{}}"
        return
    yield f"{head} {{"
    yield from ("  " + line for line in _attributes(block.body, assign=" = "))
    for number, inner in enumerate(block.blocks):
        if number or block.body:
            yield ""
        yield from (f"  {line}" if line else "" for line in _lines(inner))
    yield "}"


def _attributes(body: Mapping[str, Value], assign: str) -> Iterator[str]:
    """Yield the lines of attributes; neighbours that take one line each have their equals signs below each other."""
    rendered = [(_key(name), _value(value)) for name, value in body.items()]
    start = 0
    while start < len(rendered):
        end = start
        while end < len(rendered) and len(rendered[end][1]) == 1:
            end += 1
        width = max((len(name) for name, _ in rendered[start:end]), default=0)
        yield from (f"{name:{width}}{assign}{lines[0]}" for name, lines in rendered[start:end])
        if end < len(rendered):
            name, lines = rendered[end]
            yield f"{name}{assign}{lines[0]}"
            yield from lines[1:]
            end += 1
        start = end


def _key(name: str) -> str:
    return name if _NAME.match(name) else quoted(name)


def _value(value: Value) -> list[str]:
    """Return a value as lines; the first goes behind the equals sign."""
    if isinstance(value, Reference):
        return [str(value)]
    if isinstance(value, str):
        return [quoted(value)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int | float):
        return [f"{value:.15g}"]
    if isinstance(value, Mapping):
        if not value:
            return ["{}"]
        return ["{", *("  " + line for line in _attributes(value, assign=" = ")), "}"]
    if not value:
        return ["[]"]
    items = [_value(item) for item in value]
    if len(items) == 1 and len(items[0]) > 1:
        return [f"[{items[0][0]}", *items[0][1:-1], f"{items[0][-1]}]"]
    inner = [f"  {line}" for item in items for line in (*item[:-1], item[-1] + ",")]
    return ["[", *inner, "]"]
