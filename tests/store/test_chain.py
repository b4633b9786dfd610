"""The audit's chain: whole after every commit, and broken by whoever touches it."""

from pathlib import Path

import pytest

from aegisflow.actors.messages.guard import AuditCommitted
from aegisflow.actors.messages.store import AppendAudit, CommitAudit
from aegisflow.config import StoreSettings
from aegisflow.domain.commands.model import Stage
from aegisflow.store import Store, open_store
from aegisflow.store.chain import HeadFile
from aegisflow.store.connection import Connection
from aegisflow.store.verification import verify
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, audit, command, reading, records, step


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/audited.db"


@pytest.fixture
def chained(url: str):
    store = open_store(url)
    bench = StoreBench(store, StoreSettings(url=url))
    for number in range(5):
        bench.historian.receive(CommitAudit(audit(T0 + number, subject=f"pump-{number}"), 1, "guard"))
    yield store
    bench.committer.close()
    store.close()


def heads(url: str) -> HeadFile:
    return HeadFile.beside(url)


def tampered(store: Store, *statements: str) -> None:
    """Do what only somebody who owns the file can do."""
    connection = store.writer()
    for name in ("audit_keeps_update", "audit_keeps_delete"):
        connection.run(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.run(statement)
    connection.close()


def found(store: Store, url: str):
    reader = store.reader()
    try:
        return verify(reader, heads(url).heads())
    finally:
        reader.close()


def test_a_chain_that_nobody_touched_is_whole_and_its_heads_are_outside(chained: Store, url: str) -> None:
    told = found(chained, url)
    assert (told.rows, told.exported, told.broken) == (5, 5, "")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET actor = 'somebody else' WHERE id = 3", "row 3 .* was changed"),
        ("UPDATE audit SET detail = '{}' WHERE id = 5", "row 5 .* was changed"),
        ("UPDATE audit SET at = at + 1 WHERE id = 1", "row 1 .* was changed"),
        ("DELETE FROM audit WHERE id = 3", "row 4 .* does not follow row 2"),
        ("DELETE FROM audit WHERE id = 1", "row 2 .* does not follow row 0"),
        ("DELETE FROM audit WHERE id = 5", "ends at row 4, but row 5 was exported"),
        ("DELETE FROM audit", "ends at row 0"),
        (
            "INSERT INTO audit (key_id, seal, id, at, actor, act, subject, detail, prev_hash, hash) "
            "VALUES ('', '', 6, 1, 'x', 'x', 'x', '{}', 'made up', 'made up')",
            "row 6 .* does not follow",
        ),
    ],
)
def test_whoever_touches_it_is_found_out(chained: Store, url: str, statement: str, words: str) -> None:
    tampered(chained, statement)
    import re

    assert re.search(words, found(chained, url).broken)


def test_a_chain_that_was_rewritten_whole_does_not_fit_the_exported_heads(chained: Store, url: str) -> None:
    from aegisflow.store.chain import rehash

    tampered(chained, "UPDATE audit SET actor = 'somebody else' WHERE id = 2")
    writer = chained.writer()
    rehash(writer)
    writer.close()
    assert "the chain was rewritten" in found(chained, url).broken


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_database_itself_refuses(store: Store, statement: str) -> None:
    bench = StoreBench(store)
    bench.historian.receive(CommitAudit(audit(), 1, "guard"))
    bench.committer.close()
    connection = store.writer()
    with pytest.raises(Exception, match="append-only"), connection.transaction():
        connection.run(statement)
    connection.close()


def test_the_chain_goes_on_after_a_restart_and_over_every_way_to_write(store: Store) -> None:
    for round_ in range(2):
        bench = StoreBench(store)
        bench.take(*(AppendAudit(audit(T0 + n)) for n in range(3)))
        bench.move(step(command(round_, stage=Stage.DENIED)))
        bench.historian.receive(CommitAudit(audit(), 1, "guard"))
        bench.committer.close()
    reader: Connection = store.reader()
    told = verify(reader, [])
    reader.close()
    assert (told.rows, told.broken) == (10, "")


def test_the_head_is_exported_where_a_row_of_the_same_commit_could_never_be_stored(url: str) -> None:
    store = open_store(url)
    bench = StoreBench(store, StoreSettings(url=url))
    impossible = records([reading(T0 + 1, device_id=None)])  # type: ignore[arg-type]
    bench.historian.receive(AppendAudit(audit()))
    bench.take(impossible)
    bench.settle()
    assert found(store, url).behind == 0
    assert len(heads(url).heads()) == 1
    bench.committer.close()
    store.close()


def test_a_head_that_cannot_be_exported_shows_and_stops_nothing(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    bench = StoreBench(store, StoreSettings(url=url, audit_head=tmp_path / "missing" / "head"))
    bench.historian.receive(CommitAudit(audit(), 1, "guard"))
    assert bench.told.pop() == ("guard", AuditCommitted(1))
    assert "could not be exported" in bench.committer.health().detail
    bench.committer.close()
    store.close()


def test_a_line_cut_short_and_a_long_file_are_borne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aegisflow.store import chain

    monkeypatch.setattr(chain, "_MAX_LINES", 10)
    file = HeadFile(tmp_path / "heads")
    for number in range(1, 30):
        file.export(chain.Head(number, f"{number:064d}"), T0)
    assert file.heads()[-1].row == 29
    assert len(file.heads()) <= 10
    with (tmp_path / "heads").open("a") as handle:
        handle.write("30 12345")
    assert file.heads()[-1].row == 29
