"""The documents as a site: whole, without dead links, and without anything that is loaded from other hosts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

pytestmark = pytest.mark.long

LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")
LINKED = re.compile(r"""<a\b[^>]*?\bhref=["']?([^"'\s>]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_is_built_without_a_dead_link_and_each_page_is_on_it(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix().replace("README.html", "index.html")
        assert (site / name).is_file(), name


def test_what_a_page_links_to_beyond_the_pages_is_on_the_site(site: Path) -> None:
    missing = []
    for page in site.rglob("*.html"):
        for target in LINKED.findall(page.read_text("utf-8")):
            path = target.partition("#")[0]
            stays = path and "://" not in path and not path.startswith(("mailto:", "/")) and page.name != "404.html"
            if stays and not (page.parent / path).exists():
                missing.append((page.name, target))
    assert missing == []


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = {(page.name, host) for page in site.rglob("*.html") for host in LOADED.findall(page.read_text("utf-8"))}
    assert loaded == set()
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", style.read_text("utf-8")), style.name
