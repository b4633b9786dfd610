"""A small encoder and small PDFs, so that the library's tests need neither the model nor files of others."""

import re
import zlib
from collections.abc import Collection

import numpy as np

from aegisflow.search.encoder import Vectors

SAME = {
    "hot": "temperature", "warm": "temperature", "heat": "temperature", "shake": "vibration", "dichtung": "seal",
    "gewechselt": "replace", "genehmigt": "approves", "notabschaltung": "shutdown", "wicklung": "winding",
    "temperatur": "temperature", "heiß": "temperature",
}  # fmt: skip


class FakeEncoder:
    """Turns words into directions; words of one meaning share theirs. The same text gives the same vector anywhere."""

    def __init__(self, model_id: str = "fake", words: Collection[str] = ()) -> None:
        self.words = words
        self.model_id = model_id
        self.encoded: list[str] = []
        self.broken = False

    def encode(self, texts: list[str]) -> Vectors:
        if self.broken:
            raise RuntimeError("no more memory")
        self.encoded += texts
        return np.stack([self._vector(text) for text in texts])

    def is_word(self, word: str) -> bool:
        return word in self.words

    def close(self) -> None:
        self.encoded = []

    def _vector(self, text: str) -> Vectors:
        vector = np.zeros(256, np.float32)
        for word in re.findall(r"[a-zäöüß]{3,}", text.lower()):
            vector[zlib.crc32(SAME.get(word, word).encode()) % 256] += 1.0
        return vector / max(1.0, float(np.linalg.norm(vector)))


def pdf(*pages: str) -> bytes:
    """Return a PDF with one line of text per page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode() if text else b""
        content = f"/Contents {5 + 2 * number} 0 R /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {content} >>".encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    data = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + head + table + trailer
