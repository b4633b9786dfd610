"""E6: an audit is whole only where something outside of the database says so."""

from pathlib import Path

import pytest

from aegisflow.actors.messages.store import CommitAudit
from aegisflow.cli import main
from aegisflow.config import load
from aegisflow.store import open_store
from aegisflow.store.connection import Connection
from tests.support.places import ROOT
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, audit

GUARDS = {
    True: ("DROP TRIGGER audit_keeps_update", "DROP TRIGGER audit_keeps_delete"),
    False: ("DROP TRIGGER audit_keeps ON audit",),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def plant(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plant file with a store of each kind, in which five rows of the audit are."""
    kind = str(request.param)
    url = f"sqlite:///{tmp_path}/store.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("AEGISFLOW_STORE_URL", url)
    file = tmp_path / "plant.yaml"
    file.write_text((ROOT / "config/plant.yaml").read_text())
    settings = load(file).store
    store = open_store(settings.url)
    bench = StoreBench(store, settings)
    for number in range(5):
        bench.historian.receive(CommitAudit(audit(T0 + number), 1, "guard"))
    bench.committer.close()
    store.close()
    return file


def verify(plant: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exit_:
        main(("audit", "verify", "--plant", str(plant)))
    return int(exit_.value.code or 0), capsys.readouterr().out


def tamper(plant: Path, *statements: str) -> None:
    """Do what the owner of the database can."""
    connection = Connection(load(plant).store.url, read_only=False)
    for statement in (*GUARDS[connection.is_sqlite], *statements):
        connection.run(statement)
    connection.close()


def heads(plant: Path) -> Path:
    (file,) = plant.parent.glob("*.audit-head")
    return file


def test_heads_are_exported_by_default_and_agree(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = verify(plant, capsys)
    assert code == 0
    assert said.startswith("whole: 5 rows, and 5 exported heads agree\nno key is known")
    assert "aegisflow@" not in heads(plant).name  # neither user nor password


@pytest.mark.parametrize("rows", ["id = 5", "id > 2", "id > 0"])
def test_an_end_that_was_cut_off_is_found_out(plant: Path, capsys: pytest.CaptureFixture[str], rows: str) -> None:
    tamper(plant, f"DELETE FROM audit WHERE {rows}")
    code, said = verify(plant, capsys)
    assert code == 1
    assert "row 5 was exported: its end is cut off" in said


@pytest.mark.parametrize("left", ["none", "empty", "torn"])
def test_without_an_exported_head_nothing_is_called_whole(
    plant: Path, capsys: pytest.CaptureFixture[str], left: str
) -> None:
    file = heads(plant)
    file.unlink()
    if left != "none":
        file.write_text("" if left == "empty" else "5 0123")
    code, said = verify(plant, capsys)
    assert code == 1
    assert said.startswith("NOT PROVEN: the 5 rows agree with each other, but no exported head is there")
    assert file.name in said


def test_an_audit_of_no_rows_is_not_whole_either(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads(plant).unlink()
    tamper(plant, "DELETE FROM audit")
    code, said = verify(plant, capsys)
    assert (code, said.partition(":")[0]) == (1, "NOT PROVEN")


def test_rows_behind_the_last_exported_head_are_counted(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = heads(plant)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:3]))
    code, said = verify(plant, capsys)
    assert code == 0
    assert "the newest 2 rows came after the last exported head" in said


def test_a_file_that_is_no_proof_and_a_key_that_is_none_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.json"
    file.write_text("{}")
    for arguments, code, said in (
        ((str(file), "--key", "ab" * 32), 1, "PROVES NOTHING"),
        ((str(file), "--key", "no key"), 1, "a key of the audit is none"),
        ((str(tmp_path / "none"), "--key", "ab" * 32), 1, "cannot be read"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["audit", "check", *arguments])
        out = capsys.readouterr()
        assert int(end.value.code or 0) == code
        assert said in out.out + out.err
        assert "Traceback" not in out.err
    with pytest.raises(SystemExit):
        main(["audit", "key", str(tmp_path / "key")])
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_the_audit_can_be_asked_beside_a_broken_plant_file(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, whole = verify(plant, capsys)
    plant.write_text("nonsense: 1\n" + plant.read_text(), encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["audit", "verify", "--plant", str(plant)])
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (code, whole)
    assert told.err.startswith("the file has mistakes (")


def test_a_broken_plant_file_that_says_nothing_of_its_store_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AEGISFLOW_STORE_URL", raising=False)
    (tmp_path / "plant.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["audit", "show", "cmd-0123456789ab", "--plant", str(tmp_path / "plant.yaml")])
    assert end.value.code == 2
    assert "nonsense" in capsys.readouterr().err
