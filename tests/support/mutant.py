"""One mistake that somebody could make."""

from typing import NamedTuple

from tests.support.places import ROOT


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str

    def source(self) -> str:
        """Return the file with the mistake in it."""
        text = (ROOT / "aegisflow" / self.file).read_text(encoding="utf-8")
        assert text.count(self.old) == 1, (
            f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}"
        )
        return text.replace(self.old, self.new)
