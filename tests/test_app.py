"""Start, end and loss of the whole application."""

import gc
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pykka
import pytest

from aegisflow.actors.runtime.directory import HISTORIAN
from aegisflow.app import EXIT_LOST, App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, ManualsSettings, StoreSettings, SupervisionSettings
from aegisflow.domain.equipment import LineSpec, PlantSpec
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import StoreError, StoreHeldError
from tests.support.samples import device_spec

T0 = 1_760_000_000.0
WAIT_S = 60.0


class Knot:
    """Something that holds itself, as what agents ask does behind an answer that failed."""

    itself: object = None


def configuration_in(folder: Path, *, devices: int = 1, url: str = "") -> Configuration:
    (folder / "manuals").mkdir(exist_ok=True)
    specs = {f"pump-{number:05}": device_spec(f"pump-{number:05}") for number in range(devices)}
    return Configuration(
        path=folder / "plant.yaml",
        plant=PlantSpec("test", {"line-1": LineSpec("line-1", "", tuple(specs))}, specs),
        store=StoreSettings(url=url or f"sqlite:///{folder}/store.db"),
        clock=ClockSettings(source="stream"),
        supervision=SupervisionSettings(max_restarts=1, within_s=600.0, backoff_min_s=0.001),
        manuals=ManualsSettings(folder=folder / "manuals", model="none"),
    )


@pytest.mark.usefixtures("nothing_spared")
def test_the_collector_is_spared_what_lives_as_long_as_the_plant(tmp_path: Path) -> None:
    before = gc.get_threshold()
    with App(configuration_in(tmp_path), FakeBus()):
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() > before
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


@pytest.mark.usefixtures("nothing_spared")
def test_what_holds_itself_and_outlives_two_looks_of_the_collector_is_found_all_the_same(tmp_path: Path) -> None:
    with App(configuration_in(tmp_path), FakeBus()):
        knot = Knot()
        knot.itself, gone = knot, weakref.ref(knot)
        gc.collect(0)
        gc.collect(1)
        del knot
        fresh: list[list[object]] = []
        while gone() is not None and len(fresh) < 1_000_000:
            fresh.append([])
        assert gone() is None


def test_what_others_have_spared_the_collector_stays_so(tmp_path: Path) -> None:
    gc.freeze()
    with App(configuration_in(tmp_path), FakeBus()):
        pass
    assert gc.get_freeze_count() > 0


def test_nothing_is_left_running_after_the_end(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with App(configuration_in(tmp_path), FakeBus()):
        assert set(threading.enumerate()) != before
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT_S)  # a helper may still be on its way out
    assert set(threading.enumerate()) - before == set()
    assert pykka.ActorRegistry.get_all() == []


def test_a_recorded_day_is_asked_about_by_its_own_time_after_a_restart(tmp_path: Path) -> None:
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus):
        for number in range(80):
            value = 75.0 if number < 60 else 150.0
            bus.deliver_reading("pump-00000", T0 + 5 * number, {"temperature": value})
        bus.wait_until(lambda: len(bus.acknowledged) == 80)
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus) as app:
        now = app.plant.now()
        assert now == T0 + 5 * 79
        page = app.plant.alarm_history(AlarmQuery(Period(now - 3600, now))).value
        assert page.total == 1, "the alarm of the day that was recorded"
        bus.deliver_reading("pump-00000", T0 + 400.0, {"temperature": 75.0})
        bus.wait_until(lambda: bus.acknowledged)
        assert app.plant.now() == T0 + 400.0


def test_a_stream_that_goes_on_elsewhere_takes_its_clock_with_it(tmp_path: Path) -> None:
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus):
        bus.deliver_reading("pump-00000", T0, {"temperature": 75.0})
        bus.wait_until(lambda: bus.acknowledged)
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus) as app:
        bus.deliver_reading("pump-00000", T0 + 30 * 86_400.0, {"temperature": 75.0})
        bus.wait_until(lambda: bus.acknowledged)
        assert app.plant.now() == T0 + 30 * 86_400.0
        assert app.plant.health().rejected == {}


def test_stopping_twice_is_no_mistake(tmp_path: Path) -> None:
    app = App(configuration_in(tmp_path), FakeBus())
    app.start()
    app.stop()
    app.stop()


def test_a_second_writer_is_told_who_holds_the_store_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with App(configuration_in(tmp_path), FakeBus()) as first:
        running = set(threading.enumerate())
        second = App(configuration_in(tmp_path), FakeBus())
        with pytest.raises(StoreHeldError):
            second.start()
        assert set(threading.enumerate()) == running
        assert first.plant.health().store.ok


def test_a_store_that_cannot_be_opened_is_a_reason_and_not_a_traceback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/plain-file/store.db"
    (tmp_path / "plain-file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=r"store\.db"):
        App(configuration_in(tmp_path, url=url), FakeBus()).start()
    assert pykka.ActorRegistry.get_all() == []


def fell(app: App, name: str) -> None:
    ref = app.directory.find(name)
    assert ref is not None
    actor = ref._actor_weakref()
    assert actor is not None

    def broken(message: object) -> None:
        raise ValueError("made to fall")

    actor.on_receive = broken
    ref.tell("anything")


def test_losing_the_historian_for_good_ends_with_a_code_of_its_own(tmp_path: Path) -> None:
    lost = threading.Event()
    app = App(configuration_in(tmp_path), FakeBus(), on_lost=lambda name, reason: lost.set())
    with app:
        fell(app, HISTORIAN)
        first = app.directory.find(HISTORIAN)
        deadline = threading.Event()
        while app.directory.find(HISTORIAN) is first:
            assert not deadline.wait(0.005)
        fell(app, HISTORIAN)
        assert lost.wait(WAIT_S)
        health = app.plant.health()
        assert not health.ok
        assert any("historian is isolated" in reason for reason in health.reasons)
    assert app.exit_code == EXIT_LOST


def test_health_is_red_without_a_broker_and_says_so_in_plain_words(tmp_path: Path) -> None:
    bus = FakeBus(connected=False)
    with App(configuration_in(tmp_path), bus) as app:
        health = app.plant.health()
        assert not health.ok
        assert health.reasons[0].startswith("not connected to the broker localhost:1883 since ")
        bus.restore_link()
        assert app.plant.health().ok


def test_health_is_red_when_a_connected_broker_brings_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus) as app:
        monkeypatch.setattr(
            app.inbound_queue, "_last_reading_monotonic", app.inbound_queue._last_reading_monotonic - 120.0
        )
        (reason,) = app.plant.health().reasons
        assert reason == "connected, but no reading of any device for 2 min"
        bus.deliver_reading("pump-00000", T0, {"temperature": 75.0})
        bus.wait_until(lambda: bus.acknowledged)
        assert app.plant.health().ok


def test_c1_a_plant_that_reports_every_quarter_of_an_hour_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, configuration = FakeBus(), configuration_in(tmp_path)
    devices = {name: replace(spec, silent_after_s=None) for name, spec in configuration.plant.devices.items()}
    configuration = replace(configuration, plant=replace(configuration.plant, devices=devices))
    with App(configuration, bus) as app:

        def quiet(seconds: float) -> tuple[str, ...]:
            began = app.inbound_queue._last_reading_monotonic - seconds
            monkeypatch.setattr(app.inbound_queue, "_last_reading_monotonic", began)
            return app.plant.health().reasons

        assert quiet(900.0), "nobody knows yet how often they report"
        bus.deliver_reading("pump-00000", T0, {"temperature": 75.0})
        bus.wait_until(lambda: bus.acknowledged)
        assert quiet(1_000.0) == ()
        assert quiet(2_000.0) == ("connected, but no reading of any device for 50 min",)


def test_a_listener_that_fails_harms_nobody(tmp_path: Path) -> None:
    heard: list[object] = []

    def broken(events: object) -> None:
        raise ValueError("not my day")

    bus = FakeBus()
    with App(configuration_in(tmp_path), bus, listeners=(broken, heard.append)):
        for number in range(70):
            bus.deliver_reading("pump-00000", T0 + 5 * number, {"temperature": 75.0 if number < 60 else 150.0})
        bus.wait_until(lambda: len(bus.acknowledged) == 70)
    assert heard


def test_counters_are_rendered_for_prometheus(tmp_path: Path) -> None:
    bus = FakeBus()
    with App(configuration_in(tmp_path), bus) as app:
        bus.deliver_reading("pump-00000", T0, {"temperature": 75.0})
        bus.deliver("aegisflow/sensors/nobody", b"{}")
        bus.wait_until(lambda: len(bus.acknowledged) == 2)
        page = app.metrics.render().decode()
    assert 'aegisflow_rejected_total{reason="unknown_device"} 1.0' in page
    assert "aegisflow_committed_total 2.0" in page
    assert "aegisflow_devices 1.0" in page


@pytest.mark.serial
def test_ten_thousand_devices_start_in_seconds_and_answer_together(tmp_path: Path) -> None:
    """Generous limits: they are to catch minutes, not to measure; that is done in benchmarks."""
    with App(configuration_in(tmp_path, devices=10_000), FakeBus()) as app:
        answers = (app.plant.active_alarms() for _ in range(10))
        assert any(not answer.unavailable for answer in answers)
        assert threading.active_count() < 30
