"""Core, machines and broker are killed at random while commands are under way; none may act twice or unasked."""

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from aegisflow.config import StoreSettings
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.plant.audit import verify_audit
from tests.support.broker import Mosquitto, running_mosquitto
from tests.support.sizes import KILL_ROUNDS
from tests.support.under_command import ADA, MILD_PCT, run_core, run_machines
from tests.support.waiting import eventually

ENOUGH_FOR_EACH = 60
"""Rounds after which every kind of command must have been seen to work, and an agent's own to act."""
CALM_EVERY = 4
"""Of so many rounds one waits until one more command is verified: a slow machine gets none through between kills."""
CALM_S = 240.0
EACH = {name.value for name in CommandName}
FINAL = {stage.value for stage in Stage if stage.is_final}


class Plant:
    """Three processes and what is left of them on disk."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder = folder
        self.broker = broker
        self.began = time.time()
        self.born = 0
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.support.under_command"])
        self.core: BaseProcess | None = None
        self.machines: BaseProcess | None = None

    def start_core(self) -> None:
        self.born += 1
        self.core = self._context.Process(target=run_core, args=(self.folder, self.broker.port, self.born))
        self.core.start()

    def start_machines(self) -> None:
        self.born += 1
        arguments = (self.folder, self.broker.port, self.born, self.began)
        self.machines = self._context.Process(target=run_machines, args=arguments)
        self.machines.start()

    def kill(self, *victims: str) -> None:
        """Kill one or several of them, and only when all are down start them again."""
        for victim in victims:
            if victim == "broker":
                self.broker.kill()
                continue
            process = self.core if victim == "core" else self.machines
            assert process is not None
            process.kill()
            process.join()
            process.close()
            (self.folder / f"{victim}-is-up").unlink(missing_ok=True)
        for victim in victims:
            {"broker": self.broker.start, "core": self.start_core, "machines": self.start_machines}[victim]()
        for victim in set(victims) - {"broker"}:
            eventually((self.folder / f"{victim}-is-up").exists, 60)

    def end(self) -> None:
        for process in (self.core, self.machines):
            if process is not None and process.is_alive():
                process.kill()
                process.join()


def commands(folder: Path) -> dict[str, tuple[str, str]]:
    """Command id to its stage and what it was."""
    with closing(sqlite3.connect(folder / "store.db")) as store:
        rows = store.execute("SELECT command_id, stage, command FROM commands")
        return {command_id: (stage, name) for command_id, stage, name in rows}


def verified(folder: Path) -> set[str]:
    """Return the commands whose effect was seen."""
    return {command_id for command_id, (stage, _) in commands(folder).items() if stage == Stage.VERIFIED}


def kinds_verified(folder: Path) -> set[str]:
    """Return what those commands were."""
    return {name for stage, name in commands(folder).values() if stage == Stage.VERIFIED}


def await_one_more_verified(folder: Path) -> None:
    """Return once the effect of another command was seen."""
    before = verified(folder)
    eventually(lambda: verified(folder) > before, CALM_S, every_s=0.1)


def under_way(folder: Path) -> set[str]:
    """Return what is granted to be published, and not over."""
    granted = published(folder)  # before the commands: one may be published between the two
    known = commands(folder)
    return {command_id for command_id in granted if known[command_id][0] not in FINAL}


def approved(folder: Path) -> dict[str, str]:
    """Command id to who approved it: a person, or the policy for what it allows."""
    with closing(sqlite3.connect(folder / "store.db")) as store:
        rows = store.execute("SELECT actor, detail FROM audit WHERE act = 'command_approved'").fetchall()
    return {json.loads(detail)["command_id"]: actor for actor, detail in rows}


def published(folder: Path) -> set[str]:
    """Return what the store granted to be published."""
    with closing(sqlite3.connect(folder / "store.db")) as store:
        rows = store.execute("SELECT command_id FROM commands WHERE published_at IS NOT NULL").fetchall()
    return {command_id for (command_id,) in rows}


def proposed(folder: Path) -> list[tuple[str, str, str, str]]:
    """Command id, kind of who proposed it, what it was, and its parameters as JSON."""
    with closing(sqlite3.connect(folder / "store.db")) as store:
        rows = store.execute("SELECT command_id, proposer_kind, command, record FROM commands").fetchall()
    return [(*row, json.dumps(json.loads(record)["receipt"]["command"]["parameters"])) for *row, record in rows]


def of_operators(folder: Path) -> set[str]:
    """What operators ordered themselves."""
    return {command_id for command_id, kind, _, _ in proposed(folder) if kind == CallerKind.OPERATOR}


def needs_no_approval(folder: Path) -> set[str]:
    """What operators ordered themselves, and the mildest reduction of the load, which agents may order alone."""
    return of_operators(folder) | {
        command_id
        for command_id, _, command, given in proposed(folder)
        if command == "reduce_load" and json.loads(given)["reduction_pct"] <= MILD_PCT
    }


@pytest.mark.broker
@pytest.mark.long
@pytest.mark.timeout(300 + 6 * KILL_ROUNDS)
def test_no_kill_makes_a_command_act_twice_unasked_or_count_as_done_unseen(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    chance, pause = random.Random(7), threading.Event()
    interrupted: set[str] = set()
    lasting = "allow_anonymous true\nautosave_on_changes true\nautosave_interval 1\n"
    with running_mosquitto(tmp_path / "broker", lasting) as broker:
        plant = Plant(tmp_path, broker)
        try:
            plant.start_machines()
            plant.start_core()
            eventually(lambda: (tmp_path / "core-is-up").exists(), 60)
            for number in range(KILL_ROUNDS):
                if number % CALM_EVERY == 0:
                    await_one_more_verified(tmp_path)
                pause.wait(chance.uniform(0.05, 0.9))
                interrupted |= under_way(tmp_path)
                first = chance.choices(("core", "machines", "broker"), (4, 3, 1))[0]
                others = [name for name in ("core", "machines", "broker") if name != first]
                plant.kill(first, *(chance.sample(others, chance.choice((1, 1, 2))) if chance.random() < 0.25 else ()))
            if KILL_ROUNDS >= ENOUGH_FOR_EACH:
                eventually(lambda: kinds_verified(tmp_path) == EACH, CALM_S, every_s=0.1)
            seen = verified(tmp_path)
            (tmp_path / "finish").touch()
            eventually(lambda: (tmp_path / "finished").exists(), 110)
        finally:
            plant.end()
    known = commands(tmp_path)
    effects = [line.split() for line in (tmp_path / "effects.log").read_text().splitlines()]
    acted = Counter(command_id for _, command_id, _ in effects)
    assert [command_id for command_id, times in acted.items() if times > 1] == []
    by_whom = approved(tmp_path)
    assert set(acted) <= set(by_whom)
    assert set(acted) <= published(tmp_path)
    without_person = {command_id for command_id in acted if by_whom[command_id] != ADA.name}
    assert without_person <= needs_no_approval(tmp_path)
    assert {stage for stage, _ in known.values()} <= FINAL
    assert seen <= verified(tmp_path) <= set(acted)
    assert len(seen) >= KILL_ROUNDS // CALM_EVERY
    assert interrupted, "no kill met a command that was under way"
    if KILL_ROUNDS >= ENOUGH_FOR_EACH:
        assert {known[command_id][1] for command_id in acted} == EACH
        assert without_person - of_operators(tmp_path)
    assert verify_audit(StoreSettings(url=f"sqlite:///{tmp_path}/store.db")).broken == ""
