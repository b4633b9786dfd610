"""The mark that a command is about to be published: set once, on the row, whoever asks."""

import dataclasses
import json

import pytest

from aegisflow.actors.messages.gateway import PublishClaimed
from aegisflow.actors.messages.store import ClaimPublish, RecallDevice
from aegisflow.domain.audit import text_digest
from aegisflow.domain.commands.model import CommandRecord, PublishClaim, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.commands.writing import WRITTEN
from aegisflow.domain.views import AuditEntry
from aegisflow.store import Store
from aegisflow.store.connection import Connection
from aegisflow.store.rows import command_row
from aegisflow.store.schema import MIGRATIONS
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, audit, command, step

SEND_BY = T0 + 30.0


def dispatched(bench: StoreBench, number: int = 0, device_id: str = "pump-01") -> CommandRecord:
    """Have a command stored as dispatched."""
    told = step(command(number, stage=Stage.DISPATCHED, device_id=device_id))
    record = dataclasses.replace(told.transition.after, send_by=SEND_BY + number)
    assert bench.move(dataclasses.replace(told, transition=Transition(None, record, told.transition.audit))).ok
    return record


def move(bench: StoreBench, record: CommandRecord, stage: Stage) -> CommandRecord:
    """Have its next step stored."""
    after = dataclasses.replace(
        record, receipt=dataclasses.replace(record.receipt, stage=stage), stage_at=record.stage_at + 1.0
    )
    told = step(after.receipt)
    assert bench.move(dataclasses.replace(told, transition=Transition(record, after, (audit(),)))).ok
    return after


def claim(bench: StoreBench, record: CommandRecord, claim_id: str = "one") -> PublishClaim:
    """Return what the gateway is told when it claims a command."""
    bench.historian.receive(ClaimPublish(record, claim_id, T0 + 1.0, "gateway"))
    name, answer = bench.told.pop()
    assert name == "gateway"
    assert isinstance(answer, PublishClaimed)
    assert answer.claim_id == claim_id
    assert (answer.why == "") is (answer.claim is PublishClaim.GRANTED)
    return answer.claim


def published_at(store: Store) -> list[tuple[str, float | None]]:
    reader = store.reader()
    rows = reader.run("SELECT command_id, published_at FROM commands ORDER BY command_id").fetchall()
    reader.close()
    return [(command_id, at) for command_id, at in rows]


def test_of_all_claims_one_is_granted_and_it_is_on_disk_then(bench: StoreBench, store: Store) -> None:
    first, second = dispatched(bench, 0), dispatched(bench, 1)
    assert claim(bench, first) is PublishClaim.GRANTED
    assert published_at(store) == [("cmd-0", T0 + 1.0), ("cmd-1", None)]
    assert claim(bench, first, "two") is PublishClaim.PUBLISHED_BEFORE
    assert claim(bench, second, "three") is PublishClaim.GRANTED
    assert claim(bench, first, "four") is PublishClaim.PUBLISHED_BEFORE


def test_it_outlives_the_historian_and_whatever_becomes_of_the_command(bench: StoreBench, store: Store) -> None:
    record = dispatched(bench)
    assert claim(bench, record) is PublishClaim.GRANTED
    taken = move(bench, record, Stage.ACKNOWLEDGED)
    assert claim(bench, record) is PublishClaim.PUBLISHED_BEFORE
    bench.committer.close()
    successor = StoreBench(store)
    for known in (record, taken, move(successor, taken, Stage.VERIFIED)):
        assert claim(successor, known) is PublishClaim.PUBLISHED_BEFORE
    assert published_at(store) == [("cmd-0", T0 + 1.0)]
    successor.committer.close()


@pytest.mark.parametrize("stage", [Stage.FAILED, Stage.OUTCOME_UNKNOWN])
def test_a_command_that_is_over_cannot_be_claimed(bench: StoreBench, store: Store, stage: Stage) -> None:
    record = dispatched(bench)
    over = move(bench, record, stage)
    assert [claim(bench, known) for known in (record, over)] == [PublishClaim.REFUSED] * 2
    assert published_at(store) == [("cmd-0", None)]


@pytest.mark.parametrize("stage", [Stage.AWAITING_APPROVAL, Stage.DENIED])
def test_a_command_that_was_never_dispatched_cannot_be_claimed(bench: StoreBench, stage: Stage) -> None:
    told = step(command(stage=stage))
    assert bench.move(told).ok
    asked = told.transition.after
    pretended = dataclasses.replace(asked, receipt=dataclasses.replace(asked.receipt, stage=Stage.DISPATCHED))
    assert [claim(bench, one) for one in (asked, pretended)] == [PublishClaim.REFUSED] * 2


def test_a_command_that_the_store_does_not_know_cannot_be_claimed(bench: StoreBench) -> None:
    assert claim(bench, step(command(stage=Stage.DISPATCHED)).transition.after) is PublishClaim.REFUSED


def test_a_store_that_cannot_be_written_says_that_it_does_not_know(bench: StoreBench, store: Store) -> None:
    record = dispatched(bench)
    other = Connection(store.url, read_only=False)
    with other.transaction():
        if not other.is_sqlite:
            other.run("LOCK TABLE commands IN ACCESS EXCLUSIVE MODE")
        assert claim(bench, record) is PublishClaim.NOT_STORED
    other.close()
    assert published_at(store) == [("cmd-0", None)]
    assert claim(bench, record) is PublishClaim.GRANTED


def test_a_device_is_told_what_went_to_it_lately(bench: StoreBench) -> None:
    over, under_way = dispatched(bench, 1), dispatched(bench, 2)
    dispatched(bench, 3, "pump-02")
    move(bench, over, Stage.FAILED)
    bench.move(step(command(4, stage=Stage.DENIED)))
    bench.move(step(command(5, stage=Stage.AWAITING_APPROVAL)))
    assert bench.recalled().open_command == under_way
    assert sorted(bench.recalled().dispatched) == [("cmd-1", SEND_BY + 1), ("cmd-2", SEND_BY + 2)]
    for since, known in ((SEND_BY, 2), (SEND_BY + 1, 1), (SEND_BY + 2, 0)):
        bench.historian.receive(RecallDevice("pump-01", "asker", 10, since))
        _, recalled = bench.told.pop()
        assert len(recalled.past.dispatched) == known  # type: ignore[attr-defined]


def test_what_was_dispatched_before_marks_were_set_counts_as_published(bench: StoreBench, store: Store) -> None:
    records = [dispatched(bench, 0), dispatched(bench, 1)]
    move(bench, records[1], Stage.FAILED)
    bench.move(step(command(2, stage=Stage.AWAITING_APPROVAL)))
    bench.committer.close()
    old = Connection(store.url, read_only=False)
    old.run("ALTER TABLE commands DROP COLUMN published_at")  # as a store of version 5
    MIGRATIONS[6](old)
    old.close()
    again = StoreBench(store)
    assert [at is not None for _, at in published_at(store)] == [True, True, False]
    assert [claim(again, one) for one in records] == [PublishClaim.PUBLISHED_BEFORE] * 2
    again.committer.close()


def test_a_step_of_a_command_never_touches_the_mark() -> None:
    assert "published_at" not in command_row(step(command()).transition.after)


def test_a_row_of_the_audit_is_committed_with_the_grant_once_and_covers_the_command(
    bench: StoreBench, store: Store
) -> None:
    record = dispatched(bench, 0)
    row = AuditEntry(T0 + 1.0, "gateway", WRITTEN, "pump-01", {"command_id": record.command.command_id})
    for claim_id in ("one", "two"):
        bench.historian.receive(ClaimPublish(record, claim_id, T0 + 1.0, "gateway", row))
    assert [answer.claim for _, answer in bench.told if isinstance(answer, PublishClaimed)] == [
        PublishClaim.GRANTED,
        PublishClaim.PUBLISHED_BEFORE,
    ]
    bench.told.clear()
    reader = store.reader()
    (stored,) = reader.run("SELECT record FROM commands").fetchone() or ("",)
    rows = reader.run("SELECT detail FROM audit WHERE act = ?", WRITTEN).fetchall()
    reader.close()
    assert [json.loads(detail)["record_sha256"] for (detail,) in rows] == [text_digest(stored)]
