"""What a version said, in the order in which it was asked, and what is allowed to differ."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SHOWN_LINES = 30
_COMMAND = re.compile(r"cmd-[0-9a-f]{12}")
_CURSOR = re.compile(r'("next_cursor": )"[^"]+"')
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(slots=True)
class Transcript:
    """Questions and answers, with drawn ids numbered in the order in which they were first heard of.

    The plant runs on the clock of its stream, so times are part of the behaviour and stay as they are.
    """

    folder: str
    """Is written as ``<folder>`` wherever it turns up."""
    entries: list[tuple[str, str]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def say(self, question: str, answer: object) -> None:
        """Add an answer: a text, or anything that JSON knows."""
        text = answer if isinstance(answer, str) else json.dumps(answer, indent=1, ensure_ascii=False, sort_keys=True)
        self.entries.append((self._neutral(question), self._neutral(text)))

    def _neutral(self, text: str) -> str:
        text = text.replace(self.folder, "<folder>")
        text = _COMMAND.sub(lambda found: f"<cmd {self.number(found[0])}>", text)
        text = _DIGEST.sub("<sha256>", text)
        return _CURSOR.sub(r'\1"<cursor>"', text)

    def number(self, command_id: str) -> int:
        """Return the place of a command, from 1, in the order in which commands were first heard of."""
        return self._numbers.setdefault(command_id, len(self._numbers) + 1)


def differences(old: Transcript, new: Transcript) -> Iterator[str]:
    """Yield a paragraph for each answer that differs."""
    for (question, before), (asked, after) in zip(old.entries, new.entries, strict=False):
        if question != asked:
            yield f"the sessions part: {question!r} before, {asked!r} now"
            return
        if before != after:
            lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "now", "", "", 2, ""))
            more = [f"... and {len(lines) - _SHOWN_LINES} lines more"] if len(lines) > _SHOWN_LINES else []
            yield "\n".join([question, *(f"    {line}" for line in [*lines[:_SHOWN_LINES], *more])])
    if len(old.entries) != len(new.entries):
        yield f"{len(old.entries)} answers before, {len(new.entries)} now"
