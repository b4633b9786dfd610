"""A document -> passages that stand for themselves, cut along its headings.

A section that fits stays whole. A longer one is cut between its blocks (paragraphs, lists, tables,
code); a table stays whole up to ``TABLE_CHARS`` and is cut between rows beyond, its head repeated.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aegisflow.search.documents import Document
from aegisflow.search.hidden import questions_in, visible
from aegisflow.search.layout import PAGE_END, joined, sections, statements

PASSAGE_CHARS = 1_500
TABLE_CHARS = 6_000

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_IS_CODE = re.compile(r"[^\W\d_]{0,4}[-. ]?\d+")
_NAMED = re.compile(r"\s*(?:[-*+•]\s+)?([^\W\d_][^:.]{1,60}?)(?::\s| {2,}| ?\.{3,})")
"""``Payload: 6 kg`` and a row of a table in plain text begin with the name of what they tell."""
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage within its document."""

    section: str
    """Headings from the top, `` > `` between; the title itself for what stands before the first."""
    text: str
    asked: tuple[str, ...] = ()
    """Questions that its section answers, as people ask them; from its comments, never shown."""


def chunk(document: Document) -> list[Piece]:
    """Return the passages of a document, in order."""
    pieces: list[Piece] = []
    for section, lines in _sections(document):
        text = joined("\n".join(lines))
        asked: tuple[str, ...] = ()
        if document.form == "markdown":
            asked = tuple(questions_in(text))
            text = visible(text)
        pieces.extend(Piece(section, text, asked) for text in _pack(_blocks(text.splitlines())))
    return pieces


def facets(title: str, piece: Piece) -> list[str]:
    """Return the texts whose meaning stands for a passage: the whole, its heading, all that it says, each question.

    What it says stands there three times, below its heading, by itself and by its name, since a short question is
    near to a short text: "how heavy is it" to "Weight 265 kg" rather than to "Technical data: Item Weight, ...".
    """
    found = sentences(title, piece)
    for block in _blocks(piece.text.splitlines()):
        if block[0].lstrip().startswith("|"):
            found += [text for name, cells, _ in _rows(block) for text in (cells, name)]
        else:
            found += [text for one in statements(block) for text in (*_parts(one), _name(one))]
    # The model reads the first 256 tokens of a text and no further.
    return list(dict.fromkeys(text[:1_000] for text in found if text))


def sentences(title: str, piece: Piece) -> list[str]:
    """Return the whole of a passage, its heading, each sentence and table row below its heading, and each question."""
    # The nearest two headings: the title of the manual in every text would make all of them alike.
    head = title if piece.section == title else ", ".join(map(_unnumbered, piece.section.split(" > ")[-2:]))
    texts = [f"{head}. {plain(piece.text)}", head]
    for block in _blocks(piece.text.splitlines()):
        if block[0].lstrip().startswith("|"):
            texts += [f"{head}: {row}" for _, _, row in _rows(block)]
        else:
            texts += [f"{head}: {part}" for one in statements(block) for part in _parts(one)]
    texts.extend(piece.asked)
    return texts


def _parts(statement: str) -> list[str]:
    """Return the sentences of a statement; one that begins with the name of what it tells is whole."""
    said = re.sub(r"\s+", " ", statement)
    parts = [said] if _NAMED.match(statement) else _SENTENCE.split(said)
    return [plain(part) for part in parts if len(part) > 8]


def _name(statement: str) -> str:
    found = _NAMED.match(statement)
    return found[1].strip() if found else ""


def _unnumbered(heading: str) -> str:
    return re.sub(r"^[\d.]+\s+", "", heading)


def plain(text: str) -> str:
    """Return Markdown as words: no marks of tables, lists, quotes or emphasis."""
    text = re.sub(r"^\s*\|?[\s:|-]+\|\s*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(?:[-*+>]|\d+[.)])\s+", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", " ", re.sub(r"[|*`]+", " ", text)).strip()


def _rows(block: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield of each row of a table what it is about, what it says, and the same with the names of the columns."""
    cells = [[plain(cell) for cell in line.strip().strip("|").split("|")] for line in block]
    if len(cells) < 3:
        return
    # The first two lines are the head of the table and the rule below it.
    for row in cells[2:]:
        pairs = zip(cells[0], row, strict=False)
        named = ", ".join(f"{name} {value}".strip() for name, value in pairs if value and value != "–")
        name = next((cell for cell in row if any(map(str.isalpha, cell)) and not _IS_CODE.fullmatch(cell)), "")
        yield name, ", ".join(filter(None, row)), named


def _sections(document: Document) -> Iterator[tuple[str, list[str]]]:
    if document.form == "pages":
        yield from _pages(document.text.split("\f"))
        return
    if document.form == "text":
        for headings, below in sections(document.text.splitlines()):
            yield " > ".join(name for name in headings if name != document.title) or document.title, below
        return
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    text = visible(document.text, keep_questions=True) if document.form == "markdown" else document.text
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or mark.group(1) == fence):
            fence = "" if fence else mark.group(1)
        # In code a line that begins with # is a comment.
        heading = None if fence else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        yield _path(document, path), lines
        lines = []
        level = len(heading.group(1))
        path = [step for step in path if step[0] < level] + [(level, heading.group(2)[:200])]
    yield _path(document, path), lines


def _pages(pages: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the sections of each page; one goes on over the end of a page."""
    number = 1
    for headings, lines in sections([line for page in pages for line in (*page.splitlines(), PAGE_END)][:-1]):
        if lines == [PAGE_END]:
            number += 1
        else:
            yield " > ".join((f"page {number}", *headings)), lines


def _path(document: Document, path: list[tuple[int, str]]) -> str:
    names = [name for level, name in path if not (level == 1 and name == document.title)]
    return " > ".join(names) or document.title


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = []
    fence = open_block = False
    for line in lines:
        starts = bool(_FENCE.match(line))
        if not line.strip() and not fence:
            open_block = False
            continue
        table = line.lstrip().startswith("|")
        if not open_block or (blocks[-1][0].lstrip().startswith("|") != table and not fence):
            blocks.append([])
        blocks[-1].append(line.rstrip())
        open_block = True
        fence ^= starts
    return blocks


def _pack(blocks: list[list[str]]) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for text in (part for block in blocks for part in _split(block)):
        if held and size + len(text) > PASSAGE_CHARS:
            yield "\n\n".join(held)
            held, size = [], 0
        held.append(text)
        size += len(text)
    if held:
        yield "\n\n".join(held)


def _split(block: list[str]) -> Iterator[str]:
    """Cut one block that is too long by itself."""
    table = block[0].lstrip().startswith("|")
    bound = TABLE_CHARS if table else PASSAGE_CHARS
    if sum(map(len, block)) + len(block) <= bound:
        yield "\n".join(block)
        return
    head = block[:2] if table and sum(map(len, block[:2])) < bound // 2 else []
    held = list(head)
    for line in (part for whole in block[len(head) :] for part in _wrap(whole, bound - sum(map(len, head)) - 2)):
        if len(held) > len(head) and sum(map(len, held)) + len(held) + len(line) > bound:
            yield "\n".join(held)
            held = list(head)
        held.append(line)
    yield "\n".join(held)


def _wrap(line: str, width: int) -> Iterator[str]:
    while len(line) > width:
        # Not before the middle, or a long line would go into shreds.
        at = max(line.rfind(mark, width // 2, width) for mark in (". ", "; ", " "))
        at = at + 1 if at > 0 else width
        yield line[:at].rstrip()
        line = line[at:].lstrip()
    if line:
        yield line
