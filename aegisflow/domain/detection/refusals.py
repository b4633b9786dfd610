"""Values of one sensor that could not be used: how many, why, and what the last of them was."""

from collections.abc import Mapping

from aegisflow.domain.readings import RefusalReason, RefusedValue

__all__ = ["Refusals"]

_WORDS: Mapping[RefusalReason, str] = {
    RefusalReason.OUT_OF_SPAN: "out of span",
    RefusalReason.NOT_A_NUMBER: "not a number",
    RefusalReason.WRONG_TYPE: "wrong type",
    RefusalReason.MISSING_MARKER: "missing marker",
    RefusalReason.BAD_QUALITY: "bad by its sender's word",
    RefusalReason.WRONG_UNIT: "in another unit",
    RefusalReason.BAD_TIMESTAMP: "without a time that can be read",
}


class Refusals:
    """Counts what a sensor said and nobody could use; bounded by the number of reasons."""

    __slots__ = ("counts", "last", "run")

    def __init__(self) -> None:
        self.counts: dict[RefusalReason, int] = {}
        """Reason to how often, since the device was started."""
        self.run: dict[RefusalReason, int] = {}
        """The same since the last value that could be used."""
        self.last: RefusedValue | None = None

    def note(self, refused: RefusedValue) -> None:
        """Count one value."""
        reason = refused.reason
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.run[reason] = self.run.get(reason, 0) + 1
        self.last = refused

    def describe(self, run: bool = True) -> str:
        """Return the reasons for people, such as ``temperature out of span ×227, last -127``; empty for none.

        Args:
            run: only those since the last good value, rather than all.
        """
        counts = self.run if run else self.counts
        if self.last is None or not counts:
            return ""
        reasons = ", ".join(f"{_WORDS[reason]} ×{count:,}" for reason, count in counts.items())
        return f"{self.last.sensor} {reasons}, last {self.last.sample}"
