"""What the site needs beyond its pages: files of the repository that they link to, and pages that nobody placed."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+)(#[^)\s]*)?(\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put pages that the navigation forgets under "More", so that none is on the site and cannot be found."""
    placed = set(re.findall(r"[\w./-]+\.md", str(config.nav)))
    docs = Path(config.docs_dir)
    pages = sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))
    forgotten = [page for page in pages if page not in placed]
    if forgotten and config.nav is not None:
        config.nav.append({"More": forgotten})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to outside of their folder, as text, so that the site is whole without the repository."""
    for page in [file for file in files.documentation_pages() if file.abs_src_path]:
        for _, target, _, _ in _LINK.findall(Path(page.abs_src_path or "").read_text("utf-8")):
            inside, path = _place(page.src_uri, target)
            source = ROOT / path / "README.md" if (ROOT / path).is_dir() else ROOT / path
            if not inside and source.is_file() and files.get_file_from_path(_name(path)) is None:
                files.append(File.generated(config, _name(path), abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links that leave the folder of the pages to those copies; what leads nowhere stays and fails the build."""

    def led(match: re.Match[str]) -> str:
        inside, path = _place(page.file.src_uri, match[2])
        if inside or not (ROOT / path).exists():
            return match[0]
        return f"{match[1]}{posixpath.relpath(_name(path), posixpath.dirname(page.file.src_uri))}{match[4]}"

    return _LINK.sub(led, markdown)


def _place(page: str, target: str) -> tuple[bool, str]:
    """Return whether a link stays among the pages, and where it leads as seen from the repository."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return path.startswith("docs/"), path


def _name(path: str) -> str:
    """Return where the copy of a file stands on the site; a page of the repository is shown as the text that it is."""
    return f"repository/{path}.txt"
