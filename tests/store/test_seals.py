"""V5: what somebody who owns the store and its heads can write, and what proves that they did."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from aegisflow.actors.messages.guard import AuditCommitted
from aegisflow.actors.messages.store import AppendAudit, CommitAudit, StoreCredential
from aegisflow.config import StoreSettings
from aegisflow.domain.audit import sealed_head, sealed_row
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import Stage
from aegisflow.domain.credentials import Credential
from aegisflow.errors import NotConnectedError, StoreError
from aegisflow.store import open_store
from aegisflow.store.chain import Head, HeadFile, newest_head, rehash
from aegisflow.store.connection import Connection
from aegisflow.store.seals import UNSEALED, Seal, Seals, make_key
from aegisflow.store.verification import SEALED_FROM_HERE, Verified, verify
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, audit, command, step

SEALS, OTHERS = Seals(make_key()), Seals(make_key())
NONE = Seals()
PUBLIC = Seals(trusted=[SEALS.public])


@dataclass
class Kept:
    """A store with its heads, which whoever owns it can do anything with."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "kept.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def heads(self, seals: Seals = SEALS) -> HeadFile:
        return HeadFile.beside(self.url, None, seals)

    def write(self, *numbers: int, seals: Seals = SEALS) -> None:
        """Run as AegisFlow does, and write commands and rows with these numbers."""
        store = open_store(self.url)
        store.heads = self.heads(seals)
        store.begin_seals(T0)
        bench = StoreBench(store, StoreSettings(url=self.url))
        for number in numbers:
            bench.move(step(command(number, stage=Stage.DENIED), at=T0 + number))
            bench.historian.receive(CommitAudit(audit(T0 + number, subject=f"pump-{number}"), 1, "guard"))
        bench.committer.close()
        store.close()

    def owner(self, *statements: str) -> None:
        """Do what only the owner of the file can, and make the chain anew."""
        connection = Connection(self.url, read_only=False)
        for name in ("audit_keeps_update", "audit_keeps_delete"):
            connection.run(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.run(statement)
        rehash(connection)
        connection.close()

    def look(self, seals: Seals = PUBLIC, *witnessed: Head) -> Verified:
        connection = Connection(self.url, read_only=True)
        try:
            return verify(connection, (*self.heads().heads(), *witnessed), seals=seals)
        finally:
            connection.close()

    def newest(self) -> Head:
        return self.heads().heads()[-1]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.write(1, 2, 3)
    return made


def test_what_nobody_touched_is_whole_by_the_public_key_alone(kept: Kept) -> None:
    told = kept.look()
    assert (told.broken, told.rows, told.sealed, told.behind) == ("", 6, 6, 0)


def test_v5_heads_that_are_far_older_than_the_rows_were_put_back(kept: Kept) -> None:
    path = kept.heads().path
    assert path is not None
    old = path.read_bytes()
    store = open_store(kept.url)
    store.heads = kept.heads()
    bench = StoreBench(store, StoreSettings(url=kept.url))
    for rows, broken in ((900, False), (200, True)):
        bench.take(*(AppendAudit(audit(T0 + number)) for number in range(rows)))
        bench.settle()
        path.write_bytes(old)
        assert ("newer heads were removed" in kept.look().broken) is broken
    bench.committer.close()
    store.close()


def test_v5_rows_written_anew_with_all_hashes_and_heads_have_no_seal(kept: Kept) -> None:
    kept.owner("UPDATE audit SET actor = 'anna' WHERE id = 2")
    connection = Connection(kept.url, read_only=True)
    digest = newest_head(connection).digest
    connection.close()
    path = kept.heads().path
    assert path is not None
    path.write_text(f"6 {digest} 2026-01-31T08:00:00Z\n")
    assert "does not fit its seal" in kept.look().broken
    assert kept.look(NONE).broken == ""  # which is what the seals are for


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'anna' WHERE id = 2",
        "UPDATE audit SET seal = '' WHERE id = 2",
        "UPDATE audit SET seal = '', key_id = '' WHERE id = 2",
        "UPDATE audit SET seal = '', key_id = '' WHERE id > 2",
        "UPDATE audit SET seal = '', key_id = '' WHERE id < 3",
        "UPDATE audit SET seal = '', key_id = ''",
        "UPDATE audit SET key_id = 'another' WHERE id = 2",
        "UPDATE audit SET seal = 'no hex' WHERE id = 2",
        "UPDATE audit SET seal = (SELECT seal FROM audit WHERE id = 1) WHERE id = 2",
    ],
)
def test_v5_no_row_stands_with_another_seal_than_its_own(kept: Kept, statement: str) -> None:
    kept.owner(statement)
    assert kept.look().broken


def test_v5_an_old_database_put_back_is_found_out_also_after_it_was_written_past_the_old_head(kept: Kept) -> None:
    shutil.copy(kept.file, kept.folder / "old")
    kept.write(4)
    shutil.copy(kept.folder / "old", kept.file)
    assert "its end is cut off" in kept.look().broken
    kept.write(5, 6)
    assert "contradict each other" in kept.look().broken


def test_v5_a_database_and_its_heads_put_back_together_do_not_fit_what_a_witness_has(kept: Kept) -> None:
    path = kept.heads().path
    assert path is not None
    for file in (kept.file, path):
        shutil.copy(file, f"{file}.old")
    kept.write(4)
    witnessed = kept.newest()
    for file in (kept.file, path):
        shutil.copy(f"{file}.old", file)
    assert "its end is cut off" in kept.look(PUBLIC, witnessed).broken
    kept.write(5)
    assert "contradict each other" in kept.look(PUBLIC, witnessed).broken


def test_v5_a_command_that_was_slipped_in_shows_however_old_it_says_it_is(kept: Kept) -> None:
    connection = Connection(kept.url, read_only=False)
    found = connection.run("SELECT command_id, record FROM commands LIMIT 1").fetchone()
    record = found[1].replace(found[0], "cmd-slipped").replace(str(T0), "7.0")
    connection.run(
        "INSERT INTO commands SELECT 'cmd-slipped', device_id, command, proposer_kind, 7.0, stage, stage_at, send_by, "
        "?, NULL FROM commands WHERE command_id = ?",
        record,
        found[0],
    )
    connection.close()
    assert "the command cmd-slipped stands in no row" in kept.look().broken


def test_v5_without_any_head_and_with_everything_deleted_nothing_is_whole(kept: Kept) -> None:
    path = kept.heads().path
    assert path is not None
    path.unlink()
    assert "they were removed" in kept.look().broken
    kept.owner("DELETE FROM audit")
    for seals in (PUBLIC, NONE):
        assert "all of it was removed" in kept.look(seals).broken


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE commands SET record = replace(record, \'"approved_by":[]\', \'"approved_by":["anna"]\')',
        "UPDATE commands SET stage = 'verified'",
        "UPDATE commands SET record = 'x'",
        "DELETE FROM commands WHERE command_id IN (SELECT command_id FROM commands LIMIT 1)",
        "UPDATE commands SET command_id = command_id || 'x'",
    ],
)
def test_v5_an_edit_of_what_the_audit_speaks_of_shows(kept: Kept, statement: str) -> None:
    connection = Connection(kept.url, read_only=False)
    connection.run(statement)
    connection.close()
    for seals in (PUBLIC, NONE):
        assert kept.look(seals).broken


def test_v5_a_token_that_somebody_wrote_into_the_store_shows(kept: Kept) -> None:
    store = open_store(kept.url)
    store.heads = kept.heads()
    bench = StoreBench(store, StoreSettings(url=kept.url))
    own = Credential("line-agent", CallerKind.AGENT, "a" * 64)
    bench.historian.receive(StoreCredential(own, audit(act="agent_added")))
    bench.committer.close()
    store.close()
    assert kept.look().broken == ""
    connection = Connection(kept.url, read_only=False)
    connection.run("INSERT INTO credentials SELECT ?, record FROM credentials", "b" * 64)
    connection.close()
    assert "the token bbbb" in kept.look().broken


def test_v5_what_keeps_the_audit_append_only_is_made_again_and_its_absence_told(kept: Kept) -> None:
    for statement in (
        "DROP TRIGGER audit_keeps_update",
        "DROP TRIGGER audit_keeps_delete",
        "CREATE TRIGGER another BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",
    ):
        connection = Connection(kept.url, read_only=False)
        connection.run(statement)
        connection.close()
        for restored in (True, False):
            store = open_store(kept.url)
            assert store.guards_restored == restored
            store.close()
        connection = Connection(kept.url, read_only=False)
        with pytest.raises(Exception, match="append-only"):
            connection.run("DELETE FROM audit")
        connection.close()
    kept.write(4)
    assert kept.look().rows == 8


def test_v5_where_the_audit_cannot_be_written_no_command_moves(kept: Kept) -> None:
    store = open_store(kept.url)
    store.heads = kept.heads()
    connection = Connection(kept.url, read_only=False)
    connection.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    bench = StoreBench(store, StoreSettings(url=kept.url))
    bench.move(step(command(9, stage=Stage.DISPATCHED), at=T0 + 9))
    assert connection.value("SELECT count(*) FROM commands WHERE stage = 'dispatched'") == 0
    bench.committer.close()
    connection.close()
    store.close()


def test_v5_on_either_database_the_guards_are_looked_at_each_time(store_url: str) -> None:
    open_store(store_url).close()
    connection = Connection(store_url, read_only=False)
    drop = (
        ("DROP TRIGGER audit_keeps_delete",)
        if connection.is_sqlite
        else (
            "ALTER TABLE audit DISABLE TRIGGER audit_keeps",
            "DROP TRIGGER audit_keeps ON audit",
            "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger AS "
            "'BEGIN RETURN NEW; END' LANGUAGE plpgsql",
        )
    )
    for statement in drop:
        connection.run(statement)
        for restored in (True, False):
            store = open_store(store_url)
            assert store.guards_restored == restored
            store.close()
    connection.close()


def test_a_key_can_be_changed_and_the_former_ones_seals_count_where_it_is_named(kept: Kept) -> None:
    kept.write(4, seals=OTHERS)
    assert kept.look(Seals(trusted=[SEALS.public, OTHERS.public])).broken == ""
    assert "unknown key" in kept.look(PUBLIC).broken


def test_an_audit_that_began_without_a_key_is_sealed_from_its_next_start(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(1, 2, seals=NONE)
    assert (kept.look().broken, kept.look().sealed) == ("", 0)
    kept.write(3)
    told = kept.look()
    assert (told.broken, told.rows, told.sealed) == ("", 7, 3)
    connection = Connection(kept.url, read_only=True)
    assert connection.value("SELECT act FROM audit WHERE id = 5") == SEALED_FROM_HERE
    connection.close()
    kept.owner("UPDATE audit SET actor = 'anna' WHERE id = 2")
    assert kept.look().broken


def test_seals_that_are_gone_are_not_made_again(kept: Kept) -> None:
    kept.owner("UPDATE audit SET seal = '', key_id = ''")
    kept.write(4)
    assert kept.look().broken


def test_a_head_that_somebody_made_is_none(kept: Kept) -> None:
    head = kept.newest()
    forged = (
        head._replace(row=99),
        head._replace(digest="0" * 64),
        head._replace(at="2030-01-01T00:00:00Z"),
        head._replace(seal=UNSEALED),
        head._replace(seal=Seal(head.seal.key_id, "00" * 64)),
        head._replace(seal=OTHERS.seal(sealed_head(head.row, head.digest, head.at))),
    )
    assert kept.look(PUBLIC, head).broken == ""
    for one in forged:
        assert kept.look(PUBLIC, one).broken, one
    assert Head.of(head.line) == head


def test_a_seal_of_a_row_is_none_of_a_head_and_needs_the_very_text() -> None:
    seal = SEALS.seal(sealed_row("a" * 64))
    assert PUBLIC.why_not(seal, sealed_row("a" * 64)) == ""
    for text in (sealed_row("b" * 64), "a" * 64, "", sealed_head(1, "a" * 64, "")):
        assert PUBLIC.why_not(seal, text)
    assert PUBLIC.why_not(Seal(seal.key_id, seal.signature.upper()), sealed_row("a" * 64))
    assert NONE.seal("text") == UNSEALED
    for wrong in ("x", "ab", hashlib.sha256(b"").hexdigest()[:-2]):
        with pytest.raises(StoreError, match="64 digits"):
            Seals(wrong)


def test_a_witness_is_told_each_head_and_one_that_is_away_shows_and_stops_nothing(tmp_path: Path) -> None:
    kept, told = Kept(tmp_path), list[str]()

    def away(line: str) -> None:
        told.append(line)
        raise NotConnectedError("localhost:1883")

    store = open_store(kept.url)
    store.heads = HeadFile.beside(kept.url, None, SEALS, away)
    bench = StoreBench(store, StoreSettings(url=kept.url))
    bench.historian.receive(CommitAudit(audit(), 1, "guard"))
    assert bench.told.pop() == ("guard", AuditCommitted(1))
    assert "could not be sent to its witness" in bench.committer.health().detail
    bench.committer.close()
    store.close()
    assert [Head.of(line) for line in told] == kept.heads().heads()
