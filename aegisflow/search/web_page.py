"""A page of HTML -> what a person reads on it, as Markdown: headings, lists, tables and text."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from aegisflow.search.hidden import VOID, hiding_names, is_unseen

_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "ul", "ol", "dl", "dt", "figure"}
    | {"figcaption", "blockquote", "address", "form", "fieldset", "details", "summary", "hr", "body", *_HEADINGS}
)
_CLOSED_BY = {
    "p": _BLOCKS | {"p", "li", "table", "pre"},
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "td": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "th": frozenset({"td", "th", "tr", "tbody", "tfoot"}),
    "tr": frozenset({"tr", "tbody", "tfoot"}),
}
"""Elements that another one's beginning ends, as HTML lets their own end be left out."""
MOST_SPAN = 50
"""Rows or columns that a cell is repeated over at most."""


def read_page(html: str) -> tuple[str, str]:
    """Return the title of a page, empty if it has none, and what is shown on it, as Markdown."""
    html = _COMMENT.sub("", html)
    reader = _PageReader(hiding_names(html))
    reader.feed(html)
    reader.close()
    reader.end_block()
    return " ".join(reader.title.split()), "\n\n".join(reader.blocks) + "\n"


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    below: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Column to how many more rows a cell reaches down to, and what it says."""
    span: tuple[int, int] = (1, 1)

    def add_row(self) -> None:
        self.rows.append([])

    def add(self, text: str) -> None:
        if not self.rows:
            self.rows.append([])
        row = self.rows[-1]
        self.reach_down()
        down, across = self.span
        for _ in range(across):
            if down > 1:
                self.below[len(row)] = (down - 1, text)
            row.append(text)

    def reach_down(self) -> None:
        """Repeat what a cell above says in the next columns of this row."""
        row = self.rows[-1]
        while (held := self.below.get(len(row))) is not None:
            left, text = held
            if left <= 1:
                del self.below[len(row)]
            else:
                self.below[len(row)] = (left - 1, text)
            row.append(text)

    def lines(self) -> list[str]:
        rows = [row for row in self.rows if any(row)]
        width = max(map(len, rows), default=0)
        lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
        return [*lines[:1], "|" + "---|" * width, *lines[1:]] if lines else []


class _PageReader(HTMLParser):
    """Writes Markdown while the page is read; what a person does not see is left out."""

    def __init__(self, hiding: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.title = ""
        self._hiding = hiding
        self._open: list[tuple[str, bool]] = []
        """Names of the open elements, and whether what is in them is hidden."""
        self._held: list[str] = []
        self._mark = ""
        self._lists: list[int] = []
        """The number of the last item of each open list; -1 where items have none."""
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self._open and tag in _CLOSED_BY.get(self._open[-1][0], ()):
            name, is_hidden = self._open.pop()
            if not is_hidden:
                self._end(name)
        if tag in VOID:
            if tag == "br" and not self._is_hidden:
                self._held.append("\n")
            elif tag == "hr":
                self.end_block()
            return
        told = {name.lower(): value or "" for name, value in attrs}
        self._open.append((tag, self._is_hidden or is_unseen(tag, told, self._hiding)))
        if not self._is_hidden:
            self._begin(tag, told)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # HTML knows no closed beginnings: <div/> is open.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if all(name != tag for name, _ in self._open):
            return
        while self._open:
            name, is_hidden = self._open.pop()
            if not is_hidden:
                self._end(name)
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if [name for name, _ in self._open[-1:]] == ["title"] and not any(name == "svg" for name, _ in self._open):
            self.title += data
        elif not self._is_hidden:
            self._held.append(data if self._is_open("pre") else re.sub(r"\s+", " ", data))

    def end_block(self) -> None:
        """Take what was held as a paragraph, heading or item, unless it is within a table."""
        if self._tables:
            self._held.append(" ")
            return
        text = re.sub(r" *\n *", "\n", "".join(self._held)).strip()
        self._held = []
        if text:
            text = self._mark + (" ".join(text.split()) if self._mark else text)
            # What begins with a mark of Markdown is text here.
            self.blocks.append(text if self._mark else re.sub(r"^(#+ |\||```|~~~)", r"\\\1", text, flags=re.MULTILINE))
            # Items of a list are one block.
            if self._mark and self._mark[0] != "#" and len(self.blocks) > 1 and self._follows_item():
                self.blocks[-2:] = ["\n".join(self.blocks[-2:])]
        self._mark = ""

    @property
    def _is_hidden(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _is_open(self, tag: str) -> bool:
        return any(name == tag for name, _ in self._open)

    def _follows_item(self) -> bool:
        return bool(re.match(r"(?:-|\d+\.) ", self.blocks[-2].rsplit("\n", 1)[-1]))

    def _begin(self, tag: str, told: dict[str, str]) -> None:
        if tag == "table":
            self.end_block()
            self._tables.append(_Table())
        elif self._tables and tag == "tr":
            self._tables[-1].add_row()
        elif self._tables and tag in ("td", "th"):
            self._held = [] if len(self._tables) == 1 else self._held
            self._tables[-1].span = (_span(told.get("rowspan")), _span(told.get("colspan")))
        elif tag == "pre":
            self.end_block()
        elif tag in ("ul", "ol"):
            self.end_block()
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self.end_block()
            if self._lists and self._lists[-1] >= 0:
                self._lists[-1] += 1
                self._mark = f"{self._lists[-1]}. "
            else:
                self._mark = "- "
        elif tag == "dd":
            self._held.append(": ")
        elif tag in _BLOCKS and not (self._mark and not "".join(self._held).strip()):
            # A paragraph that an item begins with is that item.
            self.end_block()
        if tag in _HEADINGS and not self._tables:
            self._mark = "#" * int(tag[1]) + " "

    def _end(self, tag: str) -> None:
        if tag in ("td", "th") and self._tables:
            if len(self._tables) == 1:
                text = " ".join("".join(self._held).split()).replace("|", "/")
                self._held = []
                self._tables[-1].add(text)
        elif tag == "tr" and self._tables and self._tables[-1].rows:
            self._tables[-1].reach_down()
        elif tag == "table" and self._tables:
            self._end_table()
        elif tag == "pre":
            text = "".join(self._held).strip("\n")
            self._held = []
            if text and not self._tables:
                self.blocks.append("```\n" + text.replace("```", "'''") + "\n```")
        elif tag != "dt" and (tag in _BLOCKS or tag in ("li", "dd")):
            self.end_block()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()

    def _end_table(self) -> None:
        table = self._tables.pop()
        if self._tables:
            # A table within a cell of another one is text there.
            self._held.append(" ")
            return
        rest = "".join(self._held).strip()
        lines = table.lines()
        if lines:
            self.blocks.append("\n".join(lines))
        self._held = [rest] if rest else []


def _span(told: str | None) -> int:
    return min(MOST_SPAN, max(1, int(told))) if told and told.isascii() and told.isdigit() else 1
