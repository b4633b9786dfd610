import threading
from collections.abc import Callable, Iterator

import pykka
import pytest
from pykka._envelope import Envelope

from aegisflow.actors.messages.common import Ping, Tick
from aegisflow.actors.messages.supervisor import ChildFailed, ReadSupervision, StartChildren, StopChildren
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.children import Child, ChildSpec, Family
from aegisflow.actors.runtime.directory import SUPERVISOR, Directory
from aegisflow.actors.runtime.supervisor import Supervisor
from aegisflow.config.services import SupervisionSettings
from aegisflow.errors import StoreError, UnavailableError
from tests.support.samples import device_spec
from tests.support.small_plant import WAIT_S, plant_of


class Worker(ThreadedActor):
    """Does as told when it starts, and writes down its life."""

    def __init__(self, name: str, directory: Directory, life: list[str], begin: Callable[[], object]) -> None:
        super().__init__(name, directory)
        self.life, self.begin = life, begin

    def on_start(self) -> None:
        self.begin()
        self.life.append(f"{self.name} starts")

    def on_stop(self) -> None:
        self.life.append(f"{self.name} stops")


class House:
    def __init__(self) -> None:
        self.directory = Directory()
        self.life: list[str] = []
        self.lost: list[str] = []
        self.begin: dict[str, Callable[[], object]] = {}
        self.settings = SupervisionSettings(
            max_restarts=2, within_s=600.0, backoff_min_s=0.001, backoff_max_s=0.002, ping_timeout_s=WAIT_S
        )

    def child(self, name: str, *, critical: bool = False) -> ChildSpec:
        begin = lambda: self.begin.get(name, lambda: None)()  # noqa: E731
        return ChildSpec(name, lambda: Worker.start(name, self.directory, self.life, begin), critical)

    def start(self) -> None:
        family = Family(
            (self.child("first", critical=True), self.child("second")),
            lambda spec: self.child(spec.device_id),
            (self.child("last"),),
        )
        ref = Supervisor.start(
            SUPERVISOR,
            self.directory,
            self.settings,
            plant_of(device_spec("pump-01"), device_spec("pump-02")),
            family,
            now=lambda: 0.0,
            on_lost=lambda name, reason: self.lost.append(name),
            on_replaced=lambda plant: None,
            on_child_failed=lambda: None,
        )
        self.directory.register(SUPERVISOR, ref)
        self.directory.ask(SUPERVISOR, StartChildren(), WAIT_S)

    def states(self) -> dict[str, str]:
        return {child.name: child.state for child in self.directory.ask(SUPERVISOR, ReadSupervision(), WAIT_S)}

    def become(self, name: str, state: str) -> None:
        limit = threading.Event()
        for _ in range(2000):
            if self.states()[name] == state:
                return
            limit.wait(0.005)
        raise AssertionError(f"{name} never became {state}: {self.states()}")


@pytest.fixture
def house() -> Iterator[House]:
    built = House()
    yield built
    for ref in pykka.ActorRegistry.get_all():
        ref.stop(block=False)
    pykka.ActorRegistry.stop_all(timeout=WAIT_S)


def test_children_start_in_order_and_stop_in_reverse(house: House) -> None:
    house.start()
    house.directory.ask(SUPERVISOR, StopChildren(), WAIT_S)
    started = [entry.split()[0] for entry in house.life if entry.endswith("starts")]
    stopped = [entry.split()[0] for entry in house.life if entry.endswith("stops")]
    assert [started[0], started[1], started[-1]] == ["first", "second", "last"]
    assert [stopped[0], stopped[-2], stopped[-1]] == ["last", "second", "first"]
    assert set(started) == set(stopped) == {"first", "second", "pump-01", "pump-02", "last"}
    assert house.directory.names() == [SUPERVISOR]


def test_what_a_critical_child_cannot_start_with_reaches_the_one_who_starts(house: House) -> None:
    def broken() -> None:
        raise StoreError("held by somebody else")

    house.begin["first"] = broken
    with pytest.raises(UnavailableError, match="held by somebody else"):
        house.start()


def test_what_a_critical_child_died_of_is_told_even_when_it_died_before_it_was_asked(house: House) -> None:
    def broken() -> None:
        raise StoreError("held by somebody else")

    def start() -> pykka.ActorRef[Worker]:
        ref = Worker.start("first", house.directory, house.life, broken)
        assert ref.actor_stopped.wait(WAIT_S)
        eventually_closed(ref)
        return ref

    house.child = lambda name, **more: ChildSpec(name, start, critical=True)  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="held by somebody else"):
        house.start()


def eventually_closed(ref: pykka.ActorRef[Worker]) -> None:
    limit = threading.Event()
    for _ in range(2000):
        try:
            ref.actor_inbox.put(Envelope(Tick(0.0)))
        except pykka.ActorDeadError:
            return
        limit.wait(0.001)
    raise AssertionError("its inbox stays open")


def test_a_child_that_cannot_start_is_tried_again_and_then_isolated_while_the_others_run(house: House) -> None:
    attempts: list[int] = []

    def broken() -> None:
        attempts.append(1)
        raise ValueError("not today")

    house.begin["pump-01"] = broken
    house.start()
    house.become("pump-01", "isolated")
    assert len(attempts) == 1 + house.settings.max_restarts
    assert house.states() == {
        "first": "running",
        "second": "running",
        "pump-01": "isolated",
        "pump-02": "running",
        "last": "running",
    }
    assert house.lost == []


def test_a_child_that_recovers_within_its_chances_runs_on(house: House) -> None:
    chances = iter([ValueError("once"), ValueError("twice")])

    def shaky() -> None:
        for error in chances:
            raise error

    house.begin["second"] = shaky
    house.start()
    limit = threading.Event()
    while house.directory.ask_all(["second"], Ping(), WAIT_S)[1]:
        assert not limit.wait(0.005)
    assert house.states()["second"] == "running"
    assert next(chances, None) is None


def test_a_child_that_hangs_while_it_starts_holds_up_no_other(house: House) -> None:
    release = threading.Event()
    house.settings = house.settings.model_copy(update={"ping_timeout_s": 0.3})
    house.begin["second"] = lambda: release.wait(30.0)
    try:
        house.start()
        house.become("second", "isolated")
        assert house.states()["last"] == "running"
        with pytest.raises(UnavailableError, match=r"no answer to a ping within 0\.3 s"):
            house.directory.ask("second", Ping(), WAIT_S)
    finally:
        release.set()


def test_the_fall_of_the_supervisor_itself_is_told_to_the_application(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(supervisor: Supervisor, notice: object) -> None:
        raise ValueError("made to fall")

    house.start()
    monkeypatch.setattr(Supervisor, "_bury", broken)
    ref = house.directory.find(SUPERVISOR)
    assert ref is not None
    house.directory.tell(SUPERVISOR, ChildFailed("last", "x", ()))
    limit = threading.Event()
    while not house.lost:
        assert not limit.wait(0.005)
    assert house.lost == [SUPERVISOR]


def test_the_pause_before_a_restart_grows_to_its_limit_and_old_falls_are_forgiven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("aegisflow.actors.runtime.children.time.monotonic", lambda: clock[0])
    settings = SupervisionSettings(max_restarts=5, within_s=60.0, backoff_min_s=0.1, backoff_max_s=1.0)
    child = Child(ChildSpec("one", lambda: None))  # type: ignore[arg-type,return-value]
    assert [child.record_failure("x", (), settings) for _ in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    clock[0] += 61.0
    assert child.record_failure("x", (), settings) == 0.1
    assert [child.record_failure("x", (), settings) for _ in range(5)][-1] is None
    assert child.state == "isolated"
