"""The proof of a command holds by the public key alone, and no other file than the exported one holds."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from aegisflow.actors.messages.store import CommitAudit, StoreTransition
from aegisflow.config import StoreSettings
from aegisflow.domain.commands.execution import Progress
from aegisflow.domain.commands.model import Stage
from aegisflow.domain.commands.policy_spec import PolicyRule, Verdict
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, UnknownNameError
from aegisflow.plant.policy_record import PolicyRecord
from aegisflow.store import open_store
from aegisflow.store.chain import HeadFile
from aegisflow.store.proof import _canonical, _sealed, check_proof, export_proof
from aegisflow.store.seals import Seals, make_key
from tests.support.command_bench import ADA, BEN, NOW, REDUCE, command, make_authorizer, store, view
from tests.support.store_bench import StoreBench
from tests.support.store_samples import reading, records

SEALS, OTHERS = Seals(make_key()), Seals(make_key())
PUBLIC = Seals(trusted=[SEALS.public])


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """That of a command which two people approved, and whose effect readings showed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('proof')}/store.db"
    opened = open_store(url)
    opened.heads = HeadFile.beside(url, None, SEALS)
    bench = StoreBench(opened, StoreSettings(url=url))
    rule = PolicyRule("ask two", Verdict.ASK, ("agent",), approvals=2)
    authorizer = make_authorizer(rules=(rule,))

    def tell(entry: AuditEntry) -> None:
        bench.historian.receive(CommitAudit(entry, 1, "guard"))

    PolicyRecord(tell, lambda: NOW).note(authorizer.commands.plant.policy, "aegisflow")
    bench.take(records([reading(NOW + 5.0 * number) for number in range(-20, 20)]))
    asked = authorizer.propose(command(REDUCE), view(), NOW)
    steps = [asked]
    record = store(authorizer, asked)
    command_id = record.command.command_id
    for by in (ADA, BEN):
        steps.append(authorizer.approve(command_id, record.digest, by, view(), NOW + 1.0))
        record = store(authorizer, steps[-1])
    for stage in (Stage.ACKNOWLEDGED, Stage.VERIFIED):
        step = authorizer.progress(Progress(command_id, stage, NOW + 9.0, ("said so",)))
        assert step is not None
        steps.append(step)
        store(authorizer, step)
    for transition in steps:
        assert bench.move(StoreTransition(transition, "guard")).ok
    reader = opened.reader()
    assert bench.committer.flush()
    yield export_proof(reader, opened.heads.heads(), command_id, SEALS)
    with pytest.raises(UnknownNameError):
        export_proof(reader, [], "cmd-unknown", SEALS)
    with pytest.raises(StoreError, match="no key"):
        export_proof(reader, [], command_id, PUBLIC)
    reader.close()
    bench.committer.close()
    opened.close()


def test_a_proof_tells_the_whole_story_by_the_public_key_alone(proof: str) -> None:
    told = check_proof(proof.encode(), PUBLIC)
    assert told.why_not == ""
    text = "\n".join(told.summary)
    for words in ("on pump-01: verified", "proposed by agent claude", "approved by ada, ben", "head of the chain: "):
        assert words in text
    found = json.loads(proof)
    assert len(found["readings"]) == 34  # those of the hour before, and of the minute after its end
    assert found["head"]
    assert [row[3] for row in found["rows"]][:3] == [
        "command_proposed",
        "command_awaiting_approval",
        "command_approval_given",
    ]


def test_by_another_key_or_none_a_proof_proves_nothing(proof: str) -> None:
    for seals in (OTHERS, Seals()):
        assert "unknown key" in check_proof(proof.encode(), seals).why_not


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000, b"1e999"])
def test_what_is_no_proof_is_called_none(text: bytes) -> None:
    assert "no proof" in check_proof(text, PUBLIC).why_not


def resealed(found: dict[str, Any]) -> bytes:
    """Return a file as somebody could export it who has the key, and lies."""
    body = {name: value for name, value in found.items() if name not in ("key_id", "seal")}
    seal = SEALS.seal(_sealed(body))
    return _canonical({**body, "key_id": seal.key_id, "seal": seal.signature}).encode()


def test_even_sealed_anew_the_parts_must_fit_each_other(proof: str) -> None:
    found = json.loads(proof)
    assert check_proof(resealed(found), PUBLIC).why_not == ""
    rows = found["rows"]
    for lie, said in (
        ({"record": found["record"].replace('"ada"', '"eve"')}, "not as the audit has it"),
        ({"rows": rows[:-1]}, "not as the audit has it"),
        ({"rows": [row for row in rows if row[2] != "ada"]}, "no row of the audit says so"),
        ({"rows": [rows[1], rows[0], *rows[2:]]}, "does not follow"),
        ({"rows": [[*rows[0][:2], "eve", *rows[0][3:]], *rows[1:]]}, "was changed"),
        ({"rows": [[*rows[0][:9], "00" * 64], *rows[1:]]}, "does not fit its seal"),
        ({"policies": []}, "a policy that is not among it"),
        ({"head": found["head"].replace(found["head"].split()[1], "0" * 64)}, "not that of its last row"),
        ({"command_id": "cmd-other"}, "not all about one command"),
    ):
        assert said in check_proof(resealed({**found, **lie}), PUBLIC).why_not, said


def mutated(text: bytes, chance: random.Random) -> bytes:
    """Return another text: a byte or a piece changed, doubled, taken out, moved; or a value of the JSON changed."""
    where, length = chance.randrange(len(text)), chance.choice((1, 1, 1, 2, 8, 64))
    piece = text[where : where + length]
    kind = chance.randrange(6)
    if kind == 0:
        return text[:where] + bytes([text[where] ^ 1 << chance.randrange(8)]) + text[where + 1 :]
    if kind == 1:
        return text[:where] + text[where + length :]
    if kind == 2:
        return text[:where] + piece + text[where:]
    if kind == 3:
        other = chance.randrange(len(text))
        return text[:where] + text[other : other + length] + text[where + length :]
    if kind == 4:
        return text[:where] + chance.choice((b" ", b"\n", b"\t", b"0", b"e0", b"\\u0061", b'"')) + text[where:]
    found = json.loads(text)
    name = chance.choice(sorted(found))
    value = found[name]
    if isinstance(value, list) and value:
        spot = chance.randrange(len(value))
        found[name] = chance.choice((value[:spot] + value[spot + 1 :], [*value, value[spot]], value[::-1]))
    else:
        found[name] = chance.choice((None, "", 0, 1.5, [], str(value) + "x", {"a": value}))
    return _canonical(found).encode()


def none_verifies(proof: str, count: int) -> None:
    chance, text = random.Random(count), proof.encode()
    tried = 0
    while tried < count:
        other = mutated(text, chance)
        if other == text:
            continue
        tried += 1
        assert check_proof(other, PUBLIC).why_not, other


def test_of_300_mutations_of_a_proof_none_verifies(proof: str) -> None:
    none_verifies(proof, 300)


@pytest.mark.long
def test_of_10_000_mutations_of_a_proof_none_verifies(proof: str) -> None:
    none_verifies(proof, 10_000)
