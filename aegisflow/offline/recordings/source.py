"""A file of text as it lies on the disk: packed or not, and in whichever encoding somebody's system wrote it."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from aegisflow.errors import RecordingError

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of old"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
)
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks, the longer ones first where one begins like another."""
_MARKS_IN_TEXT = ('"', ",")
_ZEROS = 0.3
"""Share of zero bytes above which a text without a mark has two bytes to a letter."""
_BLOCK = 1 << 18
_LONGEST_LINE = 1_000_000
"""What is longer is no line of a recording, and must not fill the memory."""


class TextFile:
    """A file that is read line by line, as often as needed."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        """Look at all its bytes once, to learn how they stand for text.

        Args:
            path: The file, plain or packed with gzip.
            encoding: As Python names it; None where the file is to tell.

        Raises:
            RecordingError: it cannot be read, is not text, or nobody knows that encoding.
        """
        self.path = path
        self.guesses: list[str] = []
        """What was concluded rather than read, one line each."""
        self.marks: set[str] = set()
        """Which of quotes and commas there are in it."""
        self.unended: int | None = None
        """The number of a last line without an ending, known before that line is given."""
        try:
            with path.open("rb") as file:
                start = file.read(4)
        except OSError as error:
            raise RecordingError(path, None, error.strerror or str(error), "a CSV file") from None
        for magic, what in _FOREIGN:
            if start.startswith(magic):
                raise RecordingError(path, None, what, "a CSV file, plain or packed with gzip")
        self._packed = start.startswith(_GZIP)
        found = self._find_encoding()
        self.encoding = self._known(encoding) if encoding else found

    def blocks(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[list[str]]:
        """Give the lines of the file without their endings, many at a time, since that is four times as fast.

        ``progress`` is told the share of the file that is read, 0 to 1.

        Raises:
            RecordingError: the packed file is damaged, or the disk fails.
        """
        size = max(1, self.path.stat().st_size)
        with self._open() as (raw, data):
            text = io.TextIOWrapper(data, self.encoding, errors="replace")
            passed = 0
            while block := text.read(_BLOCK):
                lines = (block + text.readline(_LONGEST_LINE)).split("\n")
                passed += len(lines)
                if lines[-1]:
                    self.unended = passed
                else:
                    lines.pop()
                    passed -= 1
                yield lines
                progress(raw.tell() / size)
        progress(1.0)

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """Give the file as it lies there, and its bytes unpacked."""
        try:
            with self.path.open("rb") as raw:
                if not self._packed:
                    yield raw, raw
                    return
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    # A buffer of its own: GzipFile hands out lines byte by byte otherwise.
                    yield raw, io.BufferedReader(unpacked, _CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordingError(self.path, None, f"damaged gzip ({error})", "a whole file") from None
        except OSError as error:
            raise RecordingError(self.path, None, error.strerror or str(error), "a CSV file") from None
        except UnicodeError as error:
            raise RecordingError(self.path, None, str(error), f"text in {self.encoding}, or --encoding") from None

    def _known(self, encoding: str) -> str:
        try:
            # Some codecs are of bytes, and some of names of hosts, of which a file is neither.
            "".encode(encoding, "replace")
        except (LookupError, UnicodeError):
            raise RecordingError(self.path, None, f"--encoding {encoding}", "a name such as utf-8 or cp1252") from None
        return encoding

    def _find_encoding(self) -> str:
        """Return what all bytes of the file agree with; a stray byte does not make UTF-8 something else."""
        with self._open() as (_, data):
            chunk = data.read(_CHUNK)
            marked = next((name for mark, name in _MARKS if chunk.startswith(mark)), None)
            self.marks.update(_MARKS_IN_TEXT)
            if marked is not None:
                return marked
            if chunk and chunk.count(0) > _ZEROS * len(chunk):
                # Letters of western languages have their zero second where the lesser byte comes first.
                name = "utf-16-le" if chunk[1::2].count(0) >= chunk[0::2].count(0) else "utf-16-be"
                self.guesses.append(f"text in {name.upper()}: every other byte is zero (--encoding)")
                return name
            return self._of_eight_bits(chunk, data)

    def _of_eight_bits(self, chunk: bytes, data: BinaryIO) -> str:
        good = bad = 0
        self.marks.clear()
        undefined = False
        while chunk:
            self.marks.update(mark for mark in _MARKS_IN_TEXT if mark.encode() in chunk)
            if not chunk.isascii():
                # The rest of the line as well, so that no letter is cut in two.
                chunk += data.readline(_CHUNK)
                letters = chunk.decode("utf-8", "replace")
                wrong = letters.count("\ufffd")
                bad += wrong
                good += sum(not letter.isascii() for letter in letters) - wrong
                undefined = undefined or any(byte in chunk for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
            chunk = data.read(_CHUNK)
        if bad <= good:
            return "utf-8"
        name, shown = ("latin-1", "Latin-1") if undefined else ("cp1252", "Windows-1252")
        self.guesses.append(f"text in {shown}: it is not UTF-8 (--encoding)")
        return name
