import io
import os
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from aegisflow.search.documents import read_folder
from tests.support.places import MANUALS
from tests.support.search_samples import pdf

GOOD = "---\ntitle: Fan F-1\nrevision: 3 of May\nkinds: fan, blower\n---\n\n# Fan F-1\n\nIt blows.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manuals = tmp_path / "manuals"
    manuals.mkdir()
    (manuals / "good.md").write_text(GOOD, "utf-8")
    return manuals


def test_the_front_matter_names_title_revision_and_kinds(folder: Path) -> None:
    document = read_folder(folder).documents["good.md"]
    assert (document.title, document.revision, document.kinds) == ("Fan F-1", "3 of May", ("fan", "blower"))
    assert document.text.strip() == "# Fan F-1\n\nIt blows."


def test_without_front_matter_the_title_is_the_heading_or_the_file_name(folder: Path) -> None:
    (folder / "a.md").write_text("Foreword\n\n# Valve V-1 #\n", "utf-8")
    (folder / "notes of the night shift.txt").write_text("# not a heading in plain text", "utf-8")
    documents = read_folder(folder).documents
    assert documents["a.md"].title == "Valve V-1"
    assert documents["notes of the night shift.txt"].title == "notes of the night shift"
    assert documents["a.md"].kinds == ()


def test_a_rule_at_the_top_is_no_front_matter(folder: Path) -> None:
    (folder / "rule.md").write_text("---\n\nThe text begins here.\n", "utf-8")
    assert "The text begins here." in read_folder(folder).documents["rule.md"].text


def test_the_pages_of_a_pdf_are_read(folder: Path) -> None:
    (folder / "supplier.pdf").write_bytes(pdf("Oil the chain daily", "Never open the lid"))
    document = read_folder(folder).documents["supplier.pdf"]
    assert [page.strip() for page in document.text.split("\f")] == ["Oil the chain daily", "Never open the lid"]


def test_files_in_folders_below_are_named_by_their_path(folder: Path) -> None:
    (folder / "suppliers").mkdir()
    (folder / "suppliers" / "fan.txt").write_text("blows", "utf-8")
    assert "suppliers/fan.txt" in read_folder(folder).documents


def test_hidden_and_backup_files_are_passed_over(folder: Path) -> None:
    for name in (".secret.md", "good.md~", "~$good.md"):
        (folder / name).write_text("draft", "utf-8")
    corpus = read_folder(folder)
    assert set(corpus.documents) == {"good.md"}
    assert not corpus.problems


def test_control_and_direction_characters_are_dropped(folder: Path) -> None:
    (folder / "odd.md").write_text("a\x1b[31mb\u202ec\ud7ffd\r\ne", "utf-8")
    assert read_folder(folder).documents["odd.md"].text == "a[31mbc\ud7ffd\ne"


def _locked() -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt("open sesame", algorithm="RC4-128")
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("binary.md", b"\x7fELF\x00\x01", "binary"),
        ("wide.txt", "Grüße".encode("utf-16-le"), "UTF-8"),
        ("torn.txt", "Grüße".encode("utf-16")[:-1], "UTF-8"),
        ("torn.md", "für alle Lüfter bei 31 °C".encode()[:-3] + b"\xb0C", "not UTF-8 (byte 25)"),
        ("russian.md", "Смазка подшипника через 800 часов".encode("cp1251"), "not UTF-8 (byte 0)"),
        ("hex.html", b"<meta charset=hex><p>\xfc", "not UTF-8 (byte 21)"),
        ("puny.html", b"<meta charset=punycode><p>\xfc", "not UTF-8 (byte 26)"),
        ("japanese.md", "軸受の潤滑は八百時間ごと".encode("shift-jis"), "not UTF-8"),
        ("drawing.dwg", b"AC1015", ".dwg"),
        ("README", b"hello", "(none)"),
        ("torn.pdf", pdf("text")[:200], "damaged PDF"),
        ("nonsense.pdf", b"this is no PDF at all", "damaged PDF"),
        ("scan.pdf", pdf("", ""), "no text"),
        ("locked.pdf", _locked(), "password"),
        ("huge.md", b"x" * (9 * 2**20), "9 MB"),
    ],
)
def test_a_bad_file_is_named_with_its_reason_and_the_rest_is_read(
    folder: Path, name: str, data: bytes, said: str
) -> None:
    (folder / name).write_bytes(data)
    corpus = read_folder(folder)
    assert set(corpus.documents) == {"good.md"}
    assert said in corpus.problems[name]


def test_a_pdf_of_200_megabytes_is_refused_without_being_read(folder: Path) -> None:
    with (folder / "huge.pdf").open("wb") as file:
        file.truncate(200 * 2**20)
    corpus = read_folder(folder)
    assert "200 MB" in corpus.problems["huge.pdf"]
    assert set(corpus.documents) == {"good.md"}


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "password.txt").write_text("secret", "utf-8")
    (folder / "innocent.txt").symlink_to(tmp_path / "password.txt")
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "more.md").write_text("secret", "utf-8")
    (folder / "deeper").symlink_to(tmp_path / "outside")
    corpus = read_folder(folder)
    assert "out of the folder" in corpus.problems["innocent.txt"]
    assert "symbolic links" in corpus.problems["circle.txt"]
    assert "not followed" in corpus.problems["deeper"]
    assert set(corpus.documents) == {"good.md"}


def test_a_link_within_the_folder_is_read(folder: Path) -> None:
    (folder / "again.md").symlink_to("good.md")
    assert read_folder(folder).documents["again.md"].title == "Fan F-1"


def test_a_pipe_in_the_folder_stops_nobody(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    assert "not a regular file" in read_folder(folder).problems["pipe.txt"]


def test_a_file_deleted_while_being_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "gone.md").write_text("soon gone", "utf-8")
    read = Path.read_bytes

    def vanish(path: Path) -> bytes:
        if path.name == "gone.md":
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    corpus = read_folder(folder)
    assert "disappeared" in corpus.problems["gone.md"]
    assert set(corpus.documents) == {"good.md"}
    assert not read_folder(folder, corpus).problems


def test_a_missing_folder_is_a_problem_and_no_error(tmp_path: Path) -> None:
    corpus = read_folder(tmp_path / "nowhere")
    assert not corpus.documents
    assert "no such folder" in corpus.problems[str(tmp_path / "nowhere")]


def test_only_changed_files_are_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bad.md").write_bytes(b"\xff")
    first = read_folder(folder)
    (folder / "new.md").write_text("# New\n", "utf-8")
    opened: list[str] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read(path))
    second = read_folder(folder, first)
    assert opened == ["new.md"]
    assert set(second.documents) == {"good.md", "new.md"}
    assert second.problems == first.problems


def test_only_the_manuals_that_came_with_us_count_as_ours(folder: Path) -> None:
    source = MANUALS
    for manual in source.glob("*.md"):
        (folder / manual.name).write_bytes(manual.read_bytes())
    (folder / "pump.md").write_bytes((source / "pump.md").read_bytes() + b"One more line.\n")
    (folder / "mine.md").write_text("# Mine\n\nIgnore all interlocks.\n", "utf-8")
    ours = {name: document.is_ours for name, document in read_folder(folder).documents.items()}
    told = "they changed: (cd manuals && sha256sum *.md) > aegisflow/library/shipped.txt"
    for manual in source.glob("*.md"):
        assert ours[manual.name] is (manual.name != "pump.md"), told
    assert ours["mine.md"] is False


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["Lüfter.md", "Lüfter.txt", "Lüfter.html"])
def test_what_editors_of_windows_save_is_read(folder: Path, encoding: str, name: str) -> None:
    (folder / name).write_bytes("# Lüfter\n\nÖl bei 31 °C wechseln, Größe prüfen.\n".encode(encoding))
    corpus = read_folder(folder)
    assert "Öl bei 31 °C wechseln, Größe prüfen." in corpus.documents[name].text
    assert not corpus.problems
