"""What the documentation names exists: files, modules and what is in them."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.support.places import ROOT

FOLDERS = (ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "benchmarks").rglob("*.md"))
PAGES = sorted(page for pages in FOLDERS for page in pages if page.name != "CHANGELOG.md")
"""All but the changelog, which tells of what was there once."""
QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)")
FILE = re.compile(r"^[\w.-]+(/[\w.-]+)*(\.(py|md|yaml|yml|json|toml|txt|csv)|/)$")
MODULE = re.compile(r"(?<![/\w.])((?:aegisflow(?!\.(?:db|log)\b)|benchmarks|simulator)(?:\.[A-Za-z_]\w*)+)\b")
MADE = ("var/", "build/", "dist/", ".hypothesis/", "infra/")
"""Folders that are written while something runs."""


def named_files(text: str) -> set[str]:
    """Return the relative paths that a page names, quoted or linked."""
    quoted = {name for code in QUOTED.findall(text) for name in code.split() if FILE.match(name)}
    linked = {target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")}
    return {name for name in quoted | linked if not name.startswith(MADE)}


def named_modules(text: str) -> set[str]:
    """Return the dotted names of our own packages that a page quotes."""
    return {name for code in QUOTED.findall(text) for name in MODULE.findall(code) if not FILE.match(code)}


def exists(name: str, page: Path) -> bool:
    """Whether a file is there, as seen from the page, the repository or the package; a bare name may be anywhere."""
    if any((base / name).exists() for base in (page.parent, ROOT, ROOT / "aegisflow")):
        return True
    rooms = ("aegisflow", "simulator", "tests", "benchmarks", "config", "manuals")
    bare = name.rstrip("/")
    return "/" not in bare and any(True for room in rooms for _ in (ROOT / room).rglob(bare))


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        if origin.suffix != ".py":  # compiled
            origin = ROOT.joinpath(*parts[:end]).with_suffix(".py")
        source = origin.read_text("utf-8")
        return all(re.search(rf"\b{part}\b", source) for part in parts[end:])
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_and_module_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    missing = [name for name in sorted(named_files(text)) if not exists(name, page)]
    missing += [name for name in sorted(named_modules(text)) if not resolves(name)]
    assert missing == []


TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_each_threat_names_tests_that_exist_and_what_is_left() -> None:
    page = ROOT / "docs/security.md"
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| ")]
    head = next(row for row in rows if row.startswith("| threat"))
    count = head.count("|")
    threats = [row for row in rows[rows.index(head) + 1 :] if row.count("|") == count]
    assert len(threats) >= 20
    for row in threats:
        named = TEST.findall(row)
        assert named, f"no test: {row[:80]}"
        for file, test in named:
            text = (ROOT / file).read_text("utf-8")
            assert "def test_" in text, file
            assert not test or f"def {test}(" in text, (file, test)
    for case in ("V1", "V2", "V3", "V4", "V5", "V6", "V7", "V9", "V10", "V11", "M1", "M2", "M3", "M4"):
        assert f"({case})" in page.read_text("utf-8"), f"{case} stands in no row"
