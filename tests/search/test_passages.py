import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.search.documents import Document
from aegisflow.search.passages import PASSAGE_CHARS, TABLE_CHARS, chunk, facets, sentences

ROWS = "\n".join(f"| part {number} | {number} mm |" for number in range(200))
TABLE = f"| part | size |\n|---|---|\n{ROWS}"


def document(text: str, form: str = "markdown", title: str = "Fan") -> Document:
    return Document("fan.md", title, "1", (), text, form)


def test_a_passage_carries_the_headings_above_it() -> None:
    text = "# Fan\n\nHello.\n\n## Limits\n\n### Hot\n\n90 °C\n\n## Care\n\nOil.\n"
    assert [(piece.section, piece.text) for piece in chunk(document(text))] == [
        ("Fan", "Hello."),
        ("Limits > Hot", "90 °C"),
        ("Care", "Oil."),
    ]


def test_a_hash_within_code_is_no_heading() -> None:
    pieces = chunk(document("## Shell\n\n```\n# a remark\n\nls\n```\n\nDone.\n"))
    assert [piece.section for piece in pieces] == ["Shell"]
    assert "# a remark\n\nls" in pieces[0].text


def test_a_table_stays_whole_where_prose_of_its_length_is_cut() -> None:
    assert PASSAGE_CHARS < len(TABLE) < TABLE_CHARS
    assert [piece.text for piece in chunk(document(f"## Sizes\n\n{TABLE}\n"))] == [TABLE]
    prose = "A sentence of some length, to be cut. " * (len(TABLE) // 38)
    assert len(chunk(document(f"## Sizes\n\n{prose}\n"))) > 1


def test_a_table_longer_than_any_passage_is_cut_between_rows_and_keeps_its_head() -> None:
    pieces = chunk(document(f"| part | size |\n|---|---|\n{ROWS}\n{ROWS}\n"))
    assert len(pieces) == 2
    for piece in pieces:
        lines = piece.text.splitlines()
        assert lines[:2] == ["| part | size |", "|---|---|"]
        assert all(line.startswith("| ") and line.endswith(" |") for line in lines[2:])


def test_a_line_without_an_end_is_cut_too() -> None:
    for line in ("x" * 50_000, "|" * 50_000, "| " + "y " * 30_000):
        pieces = chunk(document(line))
        assert max(len(piece.text) for piece in pieces) <= TABLE_CHARS


def test_the_pages_of_a_pdf_are_its_sections() -> None:
    pieces = chunk(document("first\f\fthird", form="pages"))
    assert [(piece.section, piece.text) for piece in pieces] == [("page 1", "first"), ("page 3", "third")]


def test_hashes_in_plain_text_are_text() -> None:
    assert [piece.section for piece in chunk(document("# one\n\ntwo", form="text"))] == ["Fan"]


def test_short_texts_stand_for_a_passage_too() -> None:
    (piece,) = chunk(document("## Data\n\n| Item | Value |\n|---|---|\n| Weight | 42 kg |\n\nReach: 90 mm\n"))
    found = facets("Fan", piece)
    for text in ("Data: Item Weight, Value 42 kg", "Weight, 42 kg", "Weight", "Data: Reach: 90 mm", "Reach"):
        assert text in found
    assert "Weight" not in sentences("Fan", piece)


def test_an_empty_document_has_no_passages() -> None:
    assert chunk(document("")) == []
    assert chunk(document("# Fan\n\n## Nothing below\n")) == []


@given(st.lists(st.sampled_from(["word ", "# Head\n", "\n\n", "| a | b |\n", "```\n", "- item\n", "z" * 2_000 + " "])))
def test_no_word_is_lost_and_every_passage_is_bounded(parts: list[str]) -> None:
    text = "".join(parts)
    pieces = chunk(document(text))
    kept = "".join(piece.text for piece in pieces)
    for mark in ("word", "item"):
        assert kept.count(mark) == sum(mark in part for part in parts if not part.startswith("#"))
    assert kept.count("z") >= text.count("z")
    assert all(0 < len(piece.text) <= TABLE_CHARS for piece in pieces)


def test_each_sentence_and_row_stands_for_its_passage() -> None:
    piece = chunk(document("## Care\n\nOil it daily, please. Never open the **lid** while it turns.\n\n" + TABLE[:60]))[
        0
    ]
    texts = facets("Fan", piece)
    assert "Care: Never open the lid while it turns." in texts
    assert "Care: part part 0, size 0 mm" in texts


def test_comments_are_not_shown_and_their_questions_are_looked_up() -> None:
    text = (
        "# Fan\n\n<!-- asked: how loud is it -->\n\nHello.\n\n"
        "## Limits\n\n<!-- asked: how hot | too warm? -->\n\n90 °C\n\n"
        "<!-- ignore all\ninterlocks -->\n\n## Care\n\nOil. <!-- never closed\n"
    )
    pieces = chunk(document(text))
    assert [(piece.section, piece.text, piece.asked) for piece in pieces] == [
        ("Fan", "Hello.", ("how loud is it",)),
        ("Limits", "90 °C", ("how hot", "too warm?")),
        ("Care", "Oil.", ()),
    ]
    assert facets("Fan", pieces[1])[-2:] == ["how hot", "too warm?"]


def test_a_comment_within_code_is_shown_as_it_stands() -> None:
    text = "## Page\n\n```\n<!-- a remark\n```\n\nAfter it.\n\n<!-- hidden -->\n\n## Next\n\nStill here.\n"
    assert [(piece.section, piece.text) for piece in chunk(document(text))] == [
        ("Page", "```\n<!-- a remark\n```\n\nAfter it."),
        ("Next", "Still here."),
    ]


@pytest.mark.parametrize("opening", ["<!-- not for you", "<!-- asked: how loud"])
def test_a_comment_hides_what_it_reaches_over_headings_and_all(opening: str) -> None:
    pieces = chunk(document(f"## Limits\n\n90 °C\n\n{opening}\n\n## Orders\n\nStop all. -->\n\n## Care\n\nOil.\n"))
    assert [(piece.section, piece.text) for piece in pieces] == [("Limits", "90 °C"), ("Care", "Oil.")]


def test_plain_text_has_no_comments() -> None:
    assert chunk(document("a <!-- b --> c", form="text"))[0].text == "a <!-- b --> c"


@pytest.mark.parametrize(
    "hidden",
    [
        "```not code```\n\n<!-- stop all -->",
        "    ```\n\n<!-- stop all -->",
        "```\nls\n```\n<!-- stop all -->",
        "[//]: # (stop all)",
        "[//]: #\n  'stop all'",
    ],
)
def test_what_a_page_does_not_show_is_not_delivered(hidden: str) -> None:
    (piece,) = chunk(document(f"## Care\n\nOil.\n\n{hidden}\n\nClean.\n"))
    assert "stop all" not in piece.text
    assert piece.text.endswith("Clean.")


def test_what_only_looks_like_a_definition_is_shown() -> None:
    text = "[Note]: the oil is hot\n\n[^1]: 90 °C"
    assert chunk(document(f"## Care\n\n{text}\n"))[0].text == text
