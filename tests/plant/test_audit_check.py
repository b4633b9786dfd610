"""V5: whether the audit is whole is looked at each time that the plant starts, and health says what came of it."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import load
from aegisflow.errors import BadValueError, ConfigError
from aegisflow.plant.audit import seals_of, write_key
from aegisflow.store.chain import Head
from aegisflow.store.connection import Connection
from tests.support.commanding import ADA
from tests.support.hook import running_hook
from tests.support.waiting import eventually

PLANT = """
kinds: {{pump: {{sensors: {{temperature: {{unit: °C}}}}}}}}
lines: {{line-1: {{devices: {{pump-01: pump}}}}}}
audit: {{key_file: {key}, head_topic: aegisflow/audit/head}}
store: {{url: "sqlite:///var/store.db", audit_head: heads}}
clock: {{source: stream}}
manuals: {{folder: manuals, model: none}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_key(tmp_path / "key")
    (tmp_path / "var").mkdir()
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT.format(key="key"), "utf-8")
    return path


@contextmanager
def running(file: Path) -> Iterator[App]:
    with App(load(file, {}), FakeBus()) as app:
        app._audit.wait()
        yield app


def about(texts: tuple[str, ...]) -> list[str]:
    return [text for text in texts if text.startswith(("audit", "the audit"))]


def test_v5_health_is_green_for_a_sealed_audit_and_red_once_somebody_has_changed_it(file: Path) -> None:
    for _ in range(2):
        with running(file) as app:
            assert about(app.plant.health().reasons) == about(app.plant.health().notes) == []
    connection = Connection(f"sqlite:///{file.parent}/var/store.db", read_only=False)
    connection.run("DROP TRIGGER audit_keeps_update")
    connection.run("UPDATE audit SET actor = 'anna' WHERE id = 1")
    connection.close()
    with running(file) as app:
        health = app.plant.health()
    assert not health.ok
    assert "the audit is BROKEN: row 1" in about(health.reasons)[0]
    assert "append-only" in about(health.notes)[0]


def test_each_head_is_published_and_its_seal_holds_by_the_public_key(file: Path) -> None:
    with running(file) as app:
        bus = app._bus
        seals = app._audit.seals
    assert isinstance(bus, FakeBus)
    lines = [payload.decode() for topic, payload, *_ in bus.published if topic == "aegisflow/audit/head"]
    heads = [head for head in map(Head.of, lines) if head is not None]
    assert heads
    assert {head.seal.key_id for head in heads} == {seals.key_id}


def test_health_says_what_is_not_proven(file: Path) -> None:
    text = file.read_text("utf-8").replace(", audit_head: heads", "")
    file.write_text(re.sub("^audit: .*$", "", text, flags=re.MULTILINE), "utf-8")
    with running(file) as app:
        notes = about(app.plant.health().notes)
    assert ["not sealed" in notes[0], "only beside the store" in notes[1]] == [True, True]


def test_v5_seals_that_were_taken_away_with_the_heads_are_told_at_the_next_start(file: Path) -> None:
    with running(file) as app:
        assert not about(app.plant.health().notes)
    kept = load(file).store
    for left in file.parent.rglob("heads"):
        left.unlink()
    connection = Connection(kept.url, read_only=False)
    for name in ("audit_keeps_update", "audit_keeps_delete"):
        connection.run(f"DROP TRIGGER {name}")
    connection.run("UPDATE audit SET key_id = '', seal = ''")
    connection.close()
    with running(file) as app:
        assert [note for note in about(app.plant.health().notes) if "somebody has taken the seals away" in note]


def test_v5_heads_go_to_a_webhook_and_a_log_server_and_health_says_who_does_not_take_them(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = file.read_text("utf-8").replace(", audit_head: heads", "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log, running_hook() as hook:
        log.bind(("127.0.0.1", 0))
        log.settimeout(30)
        where = f"head_webhook_env: HEADS_URL, head_syslog: '127.0.0.1:{log.getsockname()[1]}'"
        file.write_text(text.replace("head_topic: aegisflow/audit/head", where), "utf-8")
        monkeypatch.setenv("HEADS_URL", f"{hook.url}/heads")
        with running(file) as app:
            app.plant.stop_agents(ADA, "drill")
            said = log.recv(2_000).decode()
            assert said.startswith("<109>1 ")
            eventually(lambda: hook.came)
            assert about(app.plant.health().notes) == []
            seals = app._audit.seals
        sent = [json.loads(body)["audit_head"] for _, path, body, _ in hook.came if path == "/heads"]
        for line in (said.partition(" audit-head - ")[2], *sent):
            head = Head.of(line)
            assert head is not None
            assert head.seal.key_id == seals.key_id
        hook.answers["/heads"] = (500, None)
        with running(file) as app:
            app.plant.stop_agents(ADA, "drill")
            eventually(lambda: any("webhook for heads" in note for note in about(app.plant.health().notes)))
    monkeypatch.delenv("HEADS_URL")
    with pytest.raises(BadValueError, match="HEADS_URL"), running(file):
        pass


def test_v5_a_store_that_was_put_back_with_its_heads_is_broken_by_what_a_witness_has_kept(file: Path) -> None:
    with running(file) as app:
        app.plant.stop_agents(ADA, "drill")
    store, heads = file.parent / "var/store.db", file.parent / "heads"
    before = store.read_bytes(), heads.read_bytes()
    with running(file) as app:
        app.plant.resume_agents(ADA, "over")
    witness = file.parent / "witness"
    witness.write_bytes(heads.read_bytes())
    assert len(witness.read_bytes()) > len(before[1])
    store.write_bytes(before[0])
    heads.write_bytes(before[1])
    with running(file) as app:
        assert app.plant.health().ok or "audit" not in str(app.plant.health().reasons)  # nobody here can know it
    store.write_bytes(before[0])
    heads.write_bytes(before[1])
    file.write_text(file.read_text("utf-8").replace("audit: {", "audit: {witness_file: witness, "), "utf-8")
    with running(file) as app:
        assert "BROKEN" in about(app.plant.health().reasons)[0]
    witness.unlink()
    with running(file) as app:
        assert "the witness's heads" in str(about(app.plant.health().notes))


def test_a_key_in_the_stores_own_folder_is_refused_and_one_from_the_environment_counts_first(file: Path) -> None:
    audit = load(file, {}).audit
    assert seals_of(audit, {"AEGISFLOW_AUDIT_KEY": "11" * 32}).key_id != seals_of(audit, {}).key_id
    file.write_text(PLANT.format(key="var/key"), "utf-8")
    with pytest.raises(ConfigError, match="outside of the store's folder"):
        load(file, {})
