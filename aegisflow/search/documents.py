"""Files of a folder that people fill -> documents; what cannot be read is told by name, the rest goes on."""

import hashlib
import os
import re
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from aegisflow.search.layout import title_of
from aegisflow.search.revisions import revision_in, superseded
from aegisflow.search.web_page import read_page
from aegisflow.search.written import text_of

PAGE_SUFFIXES = frozenset({".html", ".htm"})
TEXT_SUFFIXES = frozenset({".md", ".markdown", ".txt"})
MAX_FILES = 5_000
MAX_TEXT_BYTES = 8 * 2**20
MAX_PDF_BYTES = 64 * 2**20
MAX_PDF_PAGES = 3_000
PDF_SECONDS = 120.0

# Characters that nobody sees, or that turn the direction of writing, could show an agent another text than a
# person.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Document:
    """A manual that was read."""

    name: str
    """Path below the folder, ``/`` between."""
    title: str
    revision: str
    kinds: tuple[str, ...]
    """Kinds of device it is about; empty for all."""
    text: str
    """Without the front matter. In a PDF, pages are parted by form feeds; of HTML, what is shown, as Markdown."""
    form: str
    """``markdown``, ``html``, ``text`` or ``pages``."""
    is_ours: bool = False
    """Whether it is, to the byte, a manual that came with AegisFlow; all else was written outside of it."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a folder held at one moment."""

    documents: Mapping[str, Document]
    problems: Mapping[str, str]
    """File name to why it is not, or not fully, used."""
    seen: Mapping[str, tuple[int, int, int]]
    """File name to (modified ns, bytes, inode), by which changes are noticed."""
    superseded: Mapping[str, str] = field(default_factory=dict)
    """File name of an older revision to that of the newest one of the same manual."""

    def older_than(self, names: Collection[str]) -> list[str]:
        """Return a sentence for each older revision of these manuals, for people."""
        return [
            f"{old} (revision {self.documents[old].revision}) is older than {new} "
            f"(revision {self.documents[new].revision}) and not shown."
            for old, new in self.superseded.items()
            if new in names
        ]


class _UnreadableError(Exception):
    """Why a file is not used; the text is for people."""


def read_folder(folder: Path, before: Corpus | None = None) -> Corpus:
    """Read the folder; files unchanged since ``before`` are taken over without being opened."""
    documents: dict[str, Document] = {}
    problems: dict[str, str] = {}
    seen: dict[str, tuple[int, int, int]] = {}
    for name, path in _files(folder, problems):
        try:
            mark = _mark(folder, path)
            seen[name] = mark
            if before is not None and before.seen.get(name) == mark:
                if name in before.documents:
                    documents[name] = before.documents[name]
                else:
                    problems[name] = before.problems.get(name, "not read")
                continue
            documents[name] = _read(name, path, mark[1])
        except FileNotFoundError:
            problems[name] = "disappeared while it was being read"
        except OSError as error:
            problems[name] = f"cannot be read: {error.strerror or error}"
        except _UnreadableError as error:
            problems[name] = str(error)
    return Corpus(documents, problems, seen, superseded(documents.values()))


def _files(folder: Path, problems: dict[str, str]) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        problems[str(folder)] = "there is no such folder; no manuals are available"
        return
    count = 0
    for root, folders, files in os.walk(folder):
        # In place, for os.walk goes into what is left in this very list.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for linked in (Path(root, name) for name in folders if Path(root, name).is_symlink()):
            problems[_name(folder, linked)] = "is a link to a folder; links to folders are not followed"
        for file in sorted(files):
            # What editors and office programs leave beside a file that is open.
            if file.startswith((".", "~")) or file.endswith("~"):
                continue
            path = Path(root, file)
            count += 1
            if count > MAX_FILES:
                problems[str(folder)] = f"holds more than {MAX_FILES} files; the rest is not read"
                return
            yield _name(folder, path), path


def _name(folder: Path, path: Path) -> str:
    """Return the path below the folder; bytes that are no UTF-8 are replaced."""
    return path.relative_to(folder).as_posix().encode(errors="replace").decode()


def _mark(folder: Path, path: Path) -> tuple[int, int, int]:
    # Agents read what stands in this folder, and a link must not widen it.
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise _UnreadableError("is a link that leads out of the folder; copy the file instead")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise _UnreadableError("is not a regular file")
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(name: str, path: Path, size: int) -> Document:
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        return _read_pdf(name, path, size)
    if suffix not in TEXT_SUFFIXES | PAGE_SUFFIXES:
        raise _UnreadableError(f"has the suffix {suffix or '(none)'}; only .md, .txt, .html and .pdf are read")
    if size > MAX_TEXT_BYTES:
        raise _UnreadableError(f"is {size / 2**20:.0f} MB large; text is read up to {MAX_TEXT_BYTES // 2**20} MB")
    data = path.read_bytes()
    try:
        text = text_of(data, is_page=suffix in PAGE_SUFFIXES)
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"is not UTF-8 (byte {error.start}); save it as UTF-8 text") from None
    if "\x00" in text:
        raise _UnreadableError("is binary, or not in UTF-8; save it as UTF-8 text")
    form = "text" if suffix == ".txt" else "html" if suffix in PAGE_SUFFIXES else "markdown"
    named = ""
    if form == "html":
        named, text = read_page(text)
    facts, body = _front_matter(clean(text.replace("\r\n", "\n").replace("\r", "\n")))
    heading = re.search(r"^# +(.+?)\s*#*$", body, re.MULTILINE) if form != "text" else None
    named = (heading[1] if heading else clean(named)) if form != "text" else title_of(body)
    title = facts.get("title") or named or path.stem
    kinds = tuple(kind.strip(" []'\"") for kind in facts.get("kinds", "").split(","))
    is_ours = hashlib.sha256(data).hexdigest() in _shipped()
    revision = facts.get("revision") or revision_in(title, body)
    return Document(name, title[:200], revision[:100], tuple(filter(None, kinds)), body, form, is_ours)


@cache
def _shipped() -> frozenset[str]:
    """Return the SHA-256 of each manual that came with AegisFlow."""
    lines = resources.files(__package__).joinpath("shipped.txt").read_text("ascii").splitlines()
    return frozenset(line.split()[0] for line in lines)


def clean(text: str) -> str:
    """Drop control and direction-changing characters; newlines and tabs stay."""
    return _CONTROL.sub("", text)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    head = re.match(r"---\n((?:[A-Za-z_]+:.*\n)*)---(?:\n|$)", text)
    if head is None:
        return {}, text
    pairs = (line.partition(":") for line in head.group(1).splitlines())
    return {key.strip().lower(): value.strip(" \"'") for key, _, value in pairs}, text[head.end() :]


def _read_pdf(name: str, path: Path, size: int) -> Document:
    if size > MAX_PDF_BYTES:
        raise _UnreadableError(f"is {size / 2**20:.0f} MB large; a PDF is read up to {MAX_PDF_BYTES // 2**20} MB")
    from pypdf import PdfReader

    pages: list[str] = []
    length = 0
    end = time.monotonic() + PDF_SECONDS
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise _UnreadableError("is protected by a password")
        title = str((reader.metadata and reader.metadata.title) or "").strip()
        for page in reader.pages:
            pages.append(clean(page.extract_text()).replace("\x0c", "\n"))
            length += len(pages[-1])
            if len(pages) > MAX_PDF_PAGES or length > MAX_TEXT_BYTES or time.monotonic() > end:
                raise _UnreadableError(f"is too long or too slow to read (stopped at page {len(pages)})")
    except (_UnreadableError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a damaged PDF may raise anything
        raise _UnreadableError(f"is a damaged PDF: {type(error).__name__}: {str(error)[:120]}") from None
    if not any(page.strip() for page in pages):
        raise _UnreadableError("holds no text (scanned pages?); add a PDF with text, or Markdown")
    title = clean(title)[:200] or path.stem
    return Document(name, title, revision_in(title, pages[0]), (), "\f".join(pages), "pages")


def content_key(*parts: str) -> bytes:
    """Return a hash that is the same for the same content."""
    # With a separator that no cleaned text has, so that no two lists of parts are joined to the same text.
    return hashlib.sha256("\x1f".join(parts).encode()).digest()
