"""Sets of questions, and the manuals that they are asked of.

Two formats: a list of questions with their sections (``questions.yaml``, ``others.yaml``), and for each section, or
several joined by ``|``, the questions that it answers, with those that nothing answers by their sort (``own`` and
``foreign``). ``says TEXT`` stands for each passage with these words.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from aegisflow.search.words import GERMAN, language_of

HERE = Path(__file__).parent
SAYS = "says "
MANUALS = HERE.parents[1] / "manuals"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and where the answer stands."""

    ask: str
    language: str
    """``en`` or ``de``."""
    sort: str
    sections: tuple[str, ...]
    """``manual: heading``, which may be the last part of the path, or ``says TEXT``; none if nothing answers."""
    part: str = "tune"
    kind: str | None = None

    def is_answered_by(self, manual: str, section: str, text: str) -> bool:
        """Return whether a passage is one of those that answer."""
        here, said = manual.rpartition(".")[0], " ".join(f"{section} {text}".split()).casefold()
        if any(wanted.startswith(SAYS) and wanted[len(SAYS) :].casefold() in said for wanted in self.sections):
            return True
        return any(
            here == name and (section == heading or section.endswith(f" > {heading}"))
            for name, _, heading in (wanted.partition(": ") for wanted in self.sections)
        )


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions about one folder of manuals."""

    name: str
    folder: Path
    questions: tuple[Question, ...]


def read_questions(file: Path, manual: str = "") -> tuple[Question, ...]:
    """Read a file of either format; ``manual`` is that of sections which name none."""
    entries = YAML(typ="safe").load(file)
    if isinstance(entries, list):
        return tuple(Question(sections=tuple(entry.pop("sections", ())), **entry) for entry in entries)
    found = []
    for place, asked in entries["answerable"].items():
        parts = [part.strip() for part in place.split(" | ")]
        sections = tuple(part if part.startswith(SAYS) or not manual else f"{manual}: {part}" for part in parts)
        found += [Question(ask, _language(ask), "answerable", sections) for ask in asked]
    for sort, asked in entries["unanswerable"].items():
        found += [Question(ask, _language(ask), sort, ()) for ask in asked]
    return tuple(found)


def sets(name: str) -> list[QuestionSet]:
    """Return the sets of a name; each foreign manual is asked alone, or with ``-together`` beside the other.

    Names: ``questions``, ``others`` (tuning), ``own-apart``, ``foreign-tune``, ``foreign-apart``, ``foreign-fresh``.
    """
    if name in ("questions", "others"):
        return [QuestionSet(name, MANUALS, read_questions(HERE / f"{name}.yaml"))]
    if name == "own-apart":
        return [QuestionSet(name, MANUALS, read_questions(HERE / "own" / "apart.yaml"))]
    where = HERE / "foreign" / name.split("-")[1]
    together = name.endswith("-together")
    folder = Path(tempfile.mkdtemp())
    found = []
    for asked in sorted(where.glob("*.yaml")):
        # Of some manuals half of the questions are for tuning and half are set apart.
        manual = next(file for file in sorted(where.parent.glob(f"*/{asked.stem}.*")) if file.suffix != ".yaml")
        if not together:
            folder = Path(tempfile.mkdtemp())
        shutil.copy(manual, folder)
        found.append(QuestionSet(asked.stem, folder, read_questions(asked, asked.stem)))
    return found


def _language(ask: str) -> str:
    return "de" if language_of(ask) == GERMAN else "en"
