"""Bytes of a file -> its text: UTF-8, what it says itself, or the older encodings of Windows."""

import codecs
import re

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_MARKS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_IS_UTF8 = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2\x80[\x80-\xbf]")
"""Umlauts, degrees and dashes in UTF-8, which no text in an encoding of Windows has."""
_MOST_ACCENTED = 0.25
"""Of the characters: languages that are written in letters of Western Europe stay below; Cyrillic or Japanese that
is read as such is far above."""


def text_of(data: bytes, is_page: bool) -> str:
    """Return the text of a file.

    Args:
        data: as it stands on the disk.
        is_page: whether it is a web page, which may name its encoding.

    Raises:
        UnicodeDecodeError: it is text in no encoding that can be told.
    """
    # Editors of Windows begin a file with a byte order mark.
    if data.startswith(_MARKS_OF_UTF16):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        named = _CHARSET.search(data[:2_048]) if is_page else None
        if named is None:
            return _western(data, error)
        try:
            return data.decode(_known(named[1]))
        except (LookupError, UnicodeError):
            # Some names stand for no encoding of text.
            raise error from None


def _known(name: bytes) -> str:
    """Return an encoding as Python names it."""
    try:
        known = codecs.lookup(name.decode("ascii")).name
    except LookupError:
        known = "utf-8"
    # As browsers do: pages that say Latin-1 are written in that of Windows.
    return "cp1252" if known in ("iso8859-1", "ascii") else known


def _western(data: bytes, error: UnicodeDecodeError) -> str:
    """Read Windows-1252, unless it is UTF-8 that was damaged, or letters of another part of the world."""
    dense = b"".join(data.split())
    accented = sum(byte > 0x7F for byte in dense)
    if _IS_UTF8.search(data) or accented > _MOST_ACCENTED * len(dense):
        raise error
    return data.decode("cp1252")
