"""A manual as a web page: what is shown is read, what is hidden is not."""

from pathlib import Path

import pytest

from aegisflow.search.documents import read_folder
from aegisflow.search.manuals import ManualSearch
from aegisflow.search.web_page import read_page
from aegisflow.search.written import text_of


def shown(html: str) -> str:
    return read_page(html)[1].strip()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>A</h1><h2>B <b>c</b></h2><p>d\n e</p>", "# A\n\n## B c\n\nd e"),
        ("<ul><li><p>a</p><li>b</ul><ol><li>c<li>d</ol>", "- a\n- b\n1. c\n2. d"),
        (
            "<table><tr><th>Code<th>Cause<tr><td>E1<td>hot | cold</table>",
            "| Code | Cause |\n|---|---|\n| E1 | hot / cold |",
        ),
        (
            "<table><tr><td rowspan=2>E1<td>a<tr><td>b<tr><td colspan=2>c</table>",
            "| E1 | a |\n|---|---|\n| E1 | b |\n| c | c |",
        ),
        ("<table><tr><td>a<table><tr><td>b</table>c</table>", "| a b c |\n|---|"),
        ("<dl><dt>E1<dd>hot<dt>E2<dd>cold</dl>", "E1: hot\n\nE2: cold"),
        ("<pre># a\n  b</pre>", "```\n# a\n  b\n```"),
        ("<p># a &lt;b&gt;", "\\# a <b>"),
        ("a<br>b", "a\nb"),
        ("</p></table>a", "a"),
        ("<table rowspan=x><tr><td rowspan=99999999>a</table>", "| a |\n|---|"),
    ],
)
def test_a_page_becomes_markdown(html: str, text: str) -> None:
    assert shown(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<p hidden>secret</p>",
        "<p style='display: none'>secret<p>",
        "<div style='display:none'><div>a</div>secret</div>",
        "<style>.x { visibility: hidden }</style><p class='y x'>secret</p>",
        "<script>secret</script><style>secret</style><noscript>secret</noscript><template>secret</template>",
        "<!-- secret --><!--> ok <!-- secret",
        "<!-- a -- > secret -->",
        "<p style='color:#fff'>secret</p>",
        "<img alt=secret title=secret><p title=secret data-x=secret>",
        "<svg><title>secret</title><text>secret</text></svg>",
        "<table><tr style='display:none'><td>secret</table>",
        "<ul><li hidden>secret</ul>",
    ],
)
def test_what_a_page_hides_does_not_reach_an_agent(html: str) -> None:
    title, text = read_page(f"<p>before</p>{html}<p>after</p>")
    assert "secret" not in title + text
    assert "before" in text


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-8"])
def test_a_page_says_how_it_is_written(charset: str) -> None:
    assert "Öl" in text_of(f"<meta charset={charset}><p>Öl".encode(charset), is_page=True)


def test_a_page_is_a_manual_by_its_heading(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<title>Fan | Vendor</title><h1>Fan F-1, Rev. 2</h1><h2>Oil</h2><p>5 litres", "utf-8"
    )
    (tmp_path / "b.htm").write_text("<title>Fan F-1, Rev. 1</title><h2>Oil</h2><p>4 litres", "utf-8")
    (tmp_path / "c.html").write_bytes(b"<meta charset=utf-8>\xff")
    corpus = read_folder(tmp_path)
    assert corpus.superseded == {"b.htm": "a.html"}
    assert list(corpus.problems) == ["c.html"]
    manuals = ManualSearch(tmp_path)
    manuals.refresh()
    assert [(piece.section, piece.text) for _, piece in manuals.pieces()] == [("Oil", "5 litres")]
    assert manuals.read("a.html").startswith("# Fan F-1, Rev. 2")
