"""A plant of real processes that may be killed, frozen, cut off and robbed of their store."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg

from aegisflow.store.connection import Connection
from tests.chaos.core import STEADY, Job, plug_file, run_core
from tests.chaos.witness import BUFFER_S, Forger, People, Witness
from tests.support.broker import Mosquitto
from tests.support.mqtt_tap import MqttTap
from tests.support.places import ROOT
from tests.support.postgres import Server, restartable_postgres
from tests.support.under_command import SPEED, plant_now, run_machines
from tests.support.waiting import ended, eventually
from tests.support.wall_clock import SetClock

LASTING = "allow_anonymous true\nautosave_interval 1\n"
"""A broker that writes everything down each second. One that does at each change cannot keep up with a flood."""
START_S = 300.0
"""Nobody is measured here by how soon they start: a machine that does ten other things takes minutes."""
BACKLOG = 200
"""Readings that may be under way when nothing disturbs the plant: some four seconds of them."""
FULL = "chaos_disk_full"


class Child:
    """A process of ours, however it was started."""

    def __init__(self, process: BaseProcess | subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    def is_alive(self) -> bool:
        process = self._process
        return process.poll() is None if isinstance(process, subprocess.Popen) else process.is_alive()

    def kill(self) -> None:
        """Kill it, and return once it is gone."""
        self._process.kill()
        self.join(60)
        assert not self.is_alive(), f"process {self.pid} lives a minute after it was killed"

    def join(self, within_s: float) -> None:
        """Wait for its end."""
        if isinstance(self._process, subprocess.Popen):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        else:
            self._process.join(within_s)


class World:
    """Everything that a round of chaos can lay hands on."""

    def __init__(self, folder: Path, store_url: str, server: Server | None, seed: int) -> None:
        self.folder, self.store_url, self.server, self.seed = folder, store_url, server, seed
        (folder / "broker").mkdir()
        self.broker = Mosquitto(folder / "broker", LASTING)
        self.broker.start()
        self.tap = MqttTap(self.broker.port)
        self.began = time.time()
        self.people = People(seed)
        self.clock = SetClock(folder)
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.chaos.core", "tests.support.under_command"])
        self._born = 0
        self.core: Child | None = None
        self.machines: Child | None = None
        self.ended_by_itself = 0
        self._forgotten_since = float("inf")
        """Monotonic time from which on a broker that was killed may have forgotten what it has confirmed."""
        self.forgetful: list[tuple[float, float]] = []
        """Of which times a broker that was killed may have forgotten readings, which came again after newer ones."""
        self.violations: list[str] = []
        plug_file(folder)  # before there are two cores that would write it
        self.start_core()
        self.start_machines()
        self.wait_up()
        self.witness = Witness(self.broker.port, self.now, seed)
        verified = "SELECT 1 FROM commands WHERE stage = 'verified'"
        eventually(lambda: self.query(verified), START_S, every_s=0.1, what="a first verified command")

    def now(self) -> float:
        """Return the plant's time, UTC epoch seconds."""
        return plant_now(self.began)

    def forger(self, chance: Any) -> Forger:
        return Forger(self.witness.line, chance)

    # --- processes ----------------------------------------------------------------------------

    def new_core(self, *, faked: bool = False) -> tuple["Child", Path]:
        """Start one more core; return it, and the file that is there once it serves.

        One whose wall clock can be set (``faked``) takes longer to start, and library calls are faked for it.
        """
        self._born += 1
        up = self.folder / f"core-{self._born}-is-up"
        job = Job(self.folder, self.tap.port, self.store_url, self.people.url)
        if faked:
            command = [sys.executable, "-m", "tests.chaos.core", *map(str, astuple(job))]
            command += [str(self.seed + self._born), up.name]
            environment = {**os.environ, **self.clock.environment}
            return Child(subprocess.Popen(command, env=environment, cwd=ROOT)), up
        process = self._context.Process(target=run_core, args=(job, self.seed + self._born, up.name))
        process.start()
        return Child(process), up

    def start_core(self) -> None:
        self.core, self._up = self.new_core()

    def take(self, core: "Child", up: Path) -> None:
        """Go on with this core."""
        self.core, self._up = core, up

    def start_machines(self) -> None:
        self._born += 1
        (self.folder / "machines-is-up").unlink(missing_ok=True)
        arguments = (self.folder, self.broker.port, self.seed + self._born, self.began)
        process = self._context.Process(target=run_machines, args=arguments)
        process.start()
        self.machines = Child(process)

    def wait_up(self) -> None:
        """Return once core and machines serve; one that has ended by itself is started again."""

        def up() -> bool:
            self.revive()
            assert self.machines is not None
            assert self.machines.is_alive(), "the machines have ended by themselves"
            return self._up.exists() and (self.folder / "machines-is-up").exists()

        try:
            eventually(up, START_S, every_s=0.05)
        except AssertionError as error:
            self.ask_where_it_hangs()
            machines = (self.folder / "machines-is-up").exists()
            raise AssertionError(
                f"{self._up.name}: {self._up.exists()}, machines are up: {machines}, the proxy lives: "
                f"{self.tap.is_open}, cores that ended by themselves: {self.ended_by_itself}: {error}"
            ) from None
        if self._forgotten_since < float("inf"):
            # What a broker has confirmed and not yet written down when it is killed, it forgets, subscriptions
            # as well. A machine that keeps a buffer sends that again.
            try:
                eventually(self.tap.subscribed.is_set, START_S, every_s=0.05)
            except AssertionError as error:
                self.ask_where_it_hangs()
                raise AssertionError(f"nobody subscribes; the proxy lives: {self.tap.is_open}: {error}") from None
            self.witness.line.again_since(self._forgotten_since)
            self._forgotten_since = float("inf")
            self.forgetful = [(begin, min(end, self.now())) for begin, end in self.forgetful]

    def ask_where_it_hangs(self) -> None:
        """Have core and machines write the stacks of their threads, the core into its log."""
        self.signal("core", signal.SIGUSR1)
        self.signal("machines", signal.SIGUSR1)
        threading.Event().wait(2.0)

    def revive(self) -> None:
        """Start a core again that has ended, as a service manager would."""
        if self.core is not None and not self.core.is_alive():
            self.core.join(30)
            self.ended_by_itself += 1
            self.start_core()

    def kill(self, victim: str) -> None:
        """Kill ``core``, ``machines`` or ``broker``; nothing is started."""
        if victim == "broker":
            self.broker.kill()
            self._forgotten_since = min(self._forgotten_since, time.monotonic() - BUFFER_S)
            # Written down each second; a machine that is short of time is given two.
            self.forgetful.append((self.now() - 2.0 * SPEED, float("inf")))
            return
        process = self.core if victim == "core" else self.machines
        assert process is not None
        process.kill()

    def bring_back(self, victim: str) -> None:
        """Start what was killed."""
        if victim == "broker":
            self.tap.subscribed.clear()
            self.broker.start()
        elif victim == "core":
            self.start_core()
        else:
            self.start_machines()

    def pid(self, who: str) -> int:
        if who == "broker":
            assert self.broker._process is not None
            return self.broker._process.pid
        process = self.core if who == "core" else self.machines
        assert process is not None
        return process.pid

    def signal(self, who: str, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid(who), number)

    # --- the store ----------------------------------------------------------------------------

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows of the store, read on a connection of our own."""
        connection = Connection(self.store_url, read_only=True, label="chaos")
        try:
            return list(connection.run(sql, *values).fetchall())
        finally:
            connection.close()

    @property
    def is_sqlite(self) -> bool:
        return self.store_url.startswith("sqlite")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else from writing."""
        if not self.is_sqlite:
            with psycopg.connect(self.store_url, application_name="chaos") as other:
                other.execute("SET lock_timeout = '10s'")
                other.execute("LOCK TABLE fresh_readings, commands, audit IN ACCESS EXCLUSIVE MODE")
                yield
            return
        other_side = Connection(self.store_url, read_only=False, label="chaos")
        database = other_side.database
        try:
            eventually(lambda: _begins(database), 20.0, what="the store's lock for the driver")
            yield
            database.execute_sql("ROLLBACK")
        finally:
            other_side.close()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no file of the core grow; in PostgreSQL let the server say what it says on a full disk."""
        if not self.is_sqlite:
            with psycopg.connect(self.store_url, autocommit=True, application_name="chaos") as other:
                other.execute(_FULL_DISK)
                try:
                    yield
                finally:
                    other.execute(_SPACE_AGAIN)
            return
        pid = self.pid("core")
        size = max((file.stat().st_size for file in self.folder.glob("store.db*")), default=0)
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(size, 1 << 20), hard))
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def end_sessions(self) -> int:
        """End the core's sessions on the server, as an administrator or a firewall does."""
        with psycopg.connect(self.store_url, autocommit=True, application_name="chaos") as other:
            found = other.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'chaos'"
            ).fetchone()
        return int(found[0]) if found else 0

    # --- the end ------------------------------------------------------------------------------

    def calm(self) -> None:
        """Take all hands off, and wait until everybody serves."""
        for who in ("core", "machines", "broker"):
            self.signal(who, signal.SIGCONT)
        self.tap.go_on()
        self.clock.set(0.0)
        self.witness.wild_off_s = 0.0
        self.wait_up()

    def settle(self, within_s: float) -> None:
        """End in good order, once all that was sent has arrived and no command is open."""
        self.calm()
        (self.folder / "calm").touch()
        self._await("the machine's last fault is over", lambda: not self.witness.is_hot, 60)
        # People are told of what is new once AegisFlow has come to it.
        self._await_all_that_was_sent(within_s, but=BACKLOG)
        # Whatever has befallen the plant: people are told of the next fault. One that is over they may sleep through.
        self._await("the machine runs hot once more", lambda: self.witness.fault(100_000), 60)
        self._await("people are told of it", lambda: bool(self.told() & self.people.told), within_s)
        self.witness.stop()
        self._await_all_that_was_sent(within_s)
        (self.folder / "finish").touch()
        self._await("no command is open", (self.folder / "settled").exists, within_s)
        (self.folder / "end").touch()
        self._await("the core ends", (self.folder / "finished").exists, within_s)

    def _await_all_that_was_sent(self, within_s: float, but: int = 0) -> None:
        """Wait for as long as ever fewer readings are missing: a starved machine has lost none yet."""
        while (missing := len(self.unarrived())) > but:
            self._await("more of what was sent arrives", partial(self._has_fewer_missing, missing), within_s)

    def _has_fewer_missing(self, than: int) -> bool:
        return len(self.unarrived()) < than

    def unarrived(self) -> list[tuple[str, str]]:
        """Return the readings that the broker has confirmed, or may still, and AegisFlow has not acknowledged."""
        line = self.witness.line
        return [*line.confirmed - self.tap.acknowledged, *list(line.under_way.values())]

    def _await(self, what: str, holds: Callable[[], bool], within_s: float) -> None:
        def alive_and_so() -> bool:
            if not (self.folder / "finished").exists():
                self.revive()
            return holds()

        try:
            eventually(alive_and_so, within_s, every_s=0.1)
        except AssertionError:
            rows = self.query(
                "SELECT alarm_id, raised_at, cleared_at, state FROM anomalies WHERE device_id = ?"
                " ORDER BY raised_at DESC LIMIT 3",
                STEADY,
            )
            missing = sorted(self.unarrived())
            raise AssertionError(
                f"not within {within_s:.0f} s: {what}; episodes {self.witness.episodes[-2:]}, alarms {rows}, "
                f"{len(missing)} readings not acknowledged, {missing[:3]}, {len(self.witness.line.under_way)} of them "
                "not confirmed by the broker either"
            ) from None

    def told(self) -> set[str]:
        """Return the alarms of the steady machine that were raised since its last fault began."""
        since = self.witness.episodes[-1][0] if self.witness.is_hot and self.witness.episodes else float("inf")
        rows = self.query(
            "SELECT alarm_id FROM anomalies WHERE device_id = ? AND (raised_at >= ? OR cleared_at IS NULL)",
            STEADY,
            since,
        )
        return {alarm_id for (alarm_id,) in rows}

    def close(self) -> None:
        """Leave nothing behind."""
        for process in (self.core, self.machines):
            if process is not None and process.is_alive():
                process.kill()
        self.witness.stop()
        ended("the witness's connection", self.witness.line.close)
        ended("the plug's connection", self.witness.plug.close)
        self.tap.close()
        ended("the people's webhook", self.people.close)
        with suppress(ProcessLookupError):
            self.signal("broker", signal.SIGCONT)
        self.broker.stop()


def _begins(database: Any) -> bool:
    try:
        database.execute_sql("BEGIN IMMEDIATE")
    except Exception:  # noqa: BLE001 - whoever writes now will be done in a moment
        return False
    return True


_FULL_DISK = f"""
CREATE OR REPLACE FUNCTION {FULL}() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END
$$ LANGUAGE plpgsql;
SET lock_timeout = '20s';
CREATE OR REPLACE TRIGGER {FULL} BEFORE INSERT ON fresh_readings FOR EACH ROW EXECUTE FUNCTION {FULL}();
CREATE OR REPLACE TRIGGER {FULL} BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION {FULL}()"""
_SPACE_AGAIN = f"""
SET lock_timeout = '20s';
DROP TRIGGER IF EXISTS {FULL} ON fresh_readings;
DROP TRIGGER IF EXISTS {FULL} ON audit"""


@contextmanager
def world(folder: Path, store: str, seed: int) -> Iterator[World]:
    """Run a world on ``sqlite`` or ``postgresql`` for as long as the block lasts."""
    if store == "sqlite":
        built = World(folder, f"sqlite:///{folder}/store.db", None, seed)
        try:
            yield built
        finally:
            built.close()
        return
    with restartable_postgres() as server:
        built = World(folder, server.database(), server, seed)
        try:
            yield built
        finally:
            built.close()
