import dataclasses
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.store import (
    AppendAudit,
)
from aegisflow.config.services import StoreSettings
from aegisflow.domain.alarms.model import AlarmEvent, AlarmState, Change, Severity, Timeliness
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import Stage
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    AuditQuery,
    Gap,
    Stream,
)
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.archive import Archive
from tests.support.store_bench import StoreBench
from tests.support.store_samples import PUMP, T0, alarm, audit, command, raised, reading, records, step

HOUR = Period(T0, T0 + 3600)


@pytest.fixture
def archive(store: Store) -> Iterator[Archive]:
    opened = Archive(store.reader())
    yield opened
    opened.close()


def stream(archive: Archive, period: Period = HOUR, *sensors: str, points: int = 12) -> Stream:
    found = archive.stream(PUMP, sensors, period, points)
    assert isinstance(found, Stream)
    return found


def test_a_stream_is_summarised_from_raw_readings(bench: StoreBench, archive: Archive) -> None:
    bench.take(records([reading(T0 + 5 * n, 70.0 + (n == 300) * 50) for n in range(720)]))
    found = stream(archive)
    temperature, pressure = found.sensors
    assert (found.resolution, found.readings, found.gaps) == ("raw", 720, ())
    assert (temperature.count, temperature.max, temperature.max_at) == (720, 120.0, T0 + 1500)
    assert (temperature.unit, temperature.outside_normal) == ("°C", 1)
    assert len(temperature.series) == 12
    assert (pressure.mean, pressure.spread, pressure.slope_per_hour) == (31.5, 0.0, 0.0)


def test_a_stream_has_only_the_sensors_and_the_period_that_were_asked_for(bench: StoreBench, archive: Archive) -> None:
    bench.take(records([reading(T0 + 5 * n) for n in range(720)]))
    found = stream(archive, Period(T0 + 10, T0 + 20), "pressure")
    assert [one.sensor for one in found.sensors] == ["pressure"]
    assert found.readings == 2


def test_a_stream_of_a_device_without_readings_is_one_gap(archive: Archive) -> None:
    found = stream(archive)
    assert (found.readings, found.gaps, found.resolution) == (0, (Gap(*HOUR),), "raw")
    assert [one.count for one in found.sensors] == [0, 0]


def test_beyond_raw_retention_a_stream_goes_on_with_minutes(store: Store, archive: Archive) -> None:
    sooner = {"raw_retention_s": 1800.0, "minute_retention_s": 86400.0}  # than a file may ask for
    bench = StoreBench(store, StoreSettings(prune_interval_s=300).model_copy(update=sooner))
    bench.take(records([reading(T0 + 5 * n, 70.0 + n % 5) for n in range(720)]))
    before = stream(archive)
    bench.historian.receive(Tick(T0 + 5400))
    bench.settle()
    after = stream(archive)
    assert (after.resolution, after.readings, after.gaps) == ("minutes", 720, ())
    one, other = before.sensors[0], after.sensors[0]
    exact = ("count", "min", "min_at", "max", "max_at", "first", "last", "outside_normal", "series")
    assert [getattr(other, name) for name in exact] == [getattr(one, name) for name in exact]
    assert other.mean == pytest.approx(one.mean)
    assert other.spread == pytest.approx(one.spread)
    assert other.slope_per_hour == pytest.approx(one.slope_per_hour)
    bench.committer.close()


def test_readings_are_the_newest_of_the_period_oldest_first(bench: StoreBench, archive: Archive) -> None:
    bench.take(records([reading(T0 + 5 * n) for n in range(100)]))
    found = archive.readings("pump-01", Period(T0, T0 + 250), 3)
    assert [one.at for one in found] == [T0 + 235, T0 + 240, T0 + 245]
    assert archive.readings("motor-09", HOUR, 3) == ()


@pytest.fixture
def alarms(bench: StoreBench) -> None:
    """Twelve alarms, one a minute: three devices in turn, two types, all severities and states."""
    some = [
        alarm(
            number,
            device_id=f"pump-{number % 3}",
            fault_type="pressure_leak" if number % 2 else "thermal_runaway",
            severity=list(Severity)[number % 4],
            state=list(AlarmState)[number // 3],
        )
        for number in range(12)
    ]
    bench.take(records([], alarms=[raised(one) for one in some]))


def find(archive: Archive, query: AlarmQuery) -> AlarmPage:
    found = archive.alarms(query)
    assert isinstance(found, AlarmPage)
    return found


def minutes(page: AlarmPage) -> list[int]:
    return [int((one.raised_at - T0) // 60) for one in page.alarms]


@pytest.mark.usefixtures("alarms")
def test_alarms_come_newest_first_with_totals_of_all_pages(archive: Archive) -> None:
    page = find(archive, AlarmQuery(limit=5))
    assert minutes(page) == [11, 10, 9, 8, 7]
    assert page.total == 12
    assert page.by_device == {"pump-0": 4, "pump-1": 4, "pump-2": 4}
    assert page.by_type == {"pressure_leak": 6, "thermal_runaway": 6}


@pytest.mark.usefixtures("alarms")
def test_pages_of_alarms_join_without_losing_or_repeating_one(bench: StoreBench, archive: Archive) -> None:
    twins = [dataclasses.replace(alarm(5), alarm_id=f"twin-{n}", device_id="pump-7") for n in range(5)]
    bench.take(records([], alarms=[raised(one) for one in twins]))
    bench.settle()
    seen: list[str] = []
    query = AlarmQuery(limit=4)
    while (page := find(archive, query)).alarms:
        assert page.total == 17
        seen += [one.alarm_id for one in page.alarms]
        query = AlarmQuery(limit=4, before=(page.alarms[-1].raised_at, page.alarms[-1].alarm_id))
    assert len(seen) == len(set(seen)) == 17


@pytest.mark.usefixtures("alarms")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (AlarmQuery(period=Period(T0 + 60, T0 + 180)), [2, 1, 0]),
        (AlarmQuery(device_ids=("pump-1", "pump-2"), limit=3), [11, 10, 8]),
        (AlarmQuery(fault_type="thermal_runaway", limit=2), [10, 8]),
        (AlarmQuery(min_severity=Severity.HIGH), [11, 10, 7, 6, 3, 2]),
        (AlarmQuery(states=(AlarmState.UNACKNOWLEDGED, AlarmState.NORMAL)), [11, 10, 9, 2, 1, 0]),
        (AlarmQuery(device_ids=("pump-9",)), []),
    ],
)
def test_each_field_of_a_query_narrows(archive: Archive, query: AlarmQuery, expected: list[int]) -> None:
    assert minutes(find(archive, query)) == expected


def test_figures_count_who_was_told_and_know_what_began_before(bench: StoreBench, archive: Archive) -> None:
    told = [alarm(0), alarm(1, state=AlarmState.SHELVED), alarm(200)]
    suppressed = alarm(2, state=AlarmState.SUPPRESSED_BY_DESIGN)
    gone = dataclasses.replace(alarm(-100), cleared_at=T0 - 60)
    bench.take(records([reading(T0 + 89_000)]))
    for each in (*told, suppressed, gone):
        bench.take(records([], alarms=[raised(each)]))
    bench.settle()
    period = Period(T0 + 30, T0 + 90_000)
    figures = archive.alarm_kpis(period, 1)
    assert (figures.alarms, figures.stale) == (2, ("pump-01 pressure_leak",))


def test_the_life_of_an_alarm_is_told_oldest_first(bench: StoreBench, archive: Archive) -> None:
    first = alarm()
    noted = dataclasses.replace(first, state=AlarmState.ACKNOWLEDGED, acknowledged_at=T0 + 9, acknowledged_by="ana")
    life = (raised(first), AlarmEvent(Change.ACKNOWLEDGED, T0 + 9, noted, "ana"))
    bench.take(records([], alarms=[*life, raised(alarm(1))]))
    assert archive.alarm_history(first.alarm_id) == life
    assert archive.alarm_history("never-was") == ()


def test_who_shelved_an_alarm_is_kept_under_the_names_that_older_stores_know(
    bench: StoreBench, archive: Archive, store: Store
) -> None:
    shelved = dataclasses.replace(
        alarm(state=AlarmState.SHELVED), suppressed_by="ana", suppression_reason="welding", shelved_until=T0 + 600
    )
    event = AlarmEvent(Change.SHELVED, T0 + 9, shelved, "ana")
    bench.take(records([], alarms=[raised(alarm()), event]))
    bench.settle()
    reader = store.reader()
    assert reader.run("SELECT set_aside_by, set_aside_reason FROM anomalies").fetchone() == ("ana", "welding")
    assert '"set_aside_by":"ana","set_aside_reason":"welding"' in reader.value(
        "SELECT alarm FROM alarm_events WHERE change = 'shelved'"
    )
    reader.close()
    assert archive.alarm_history(shelved.alarm_id)[1] == event
    assert bench.recalled().alarms == (shelved,)


def test_a4_an_alarm_that_was_over_before_it_was_known_is_kept_as_history(bench: StoreBench, archive: Archive) -> None:
    over = dataclasses.replace(
        alarm(state=AlarmState.RETURNED), known_at=T0 + 9 * 3_600, timeliness=Timeliness.HISTORY, cleared_at=T0 + 60
    )
    event = AlarmEvent(Change.CLEARED, T0 + 60, over)
    bench.take(records([], alarms=[raised(alarm()), event]))
    bench.settle()
    assert archive.alarm_history(over.alarm_id)[1] == event
    assert bench.recalled().alarms == (over,)


def test_an_alarm_that_was_written_before_alarms_could_be_shelved_is_read(
    bench: StoreBench, archive: Archive, store: Store
) -> None:
    bench.take(records([], alarms=[raised(alarm())]))
    bench.settle()
    writer = store.writer()
    text = json.loads(writer.value("SELECT alarm FROM alarm_events"))
    for name in ("set_aside_by", "set_aside_reason", "shelved_until", "known_at", "timeliness"):
        text.pop(name)
    writer.run("UPDATE alarm_events SET alarm = ?", json.dumps(text))
    writer.close()
    assert archive.alarm_history(alarm().alarm_id) == (raised(alarm()),)


def test_commands_come_newest_first_as_far_as_they_have_come(bench: StoreBench, archive: Archive) -> None:
    for number in range(3):
        bench.historian.receive(step(command(number, stage=Stage.AWAITING_APPROVAL)))
    waiting = step(command(1, stage=Stage.AWAITING_APPROVAL)).transition.after
    bench.historian.receive(step(command(1, stage=Stage.DENIED), waiting, T0 + 1))
    bench.historian.receive(step(command(7, device_id="motor-01")))
    page = archive.commands("pump-01", 2)
    waits, denied = command(2, stage=Stage.AWAITING_APPROVAL), command(1, stage=Stage.DENIED)
    assert page.commands == (replace(waits, stage_at=T0), replace(denied, stage_at=T0 + 1))
    assert len(archive.commands(None, 9).commands) == 4
    assert archive.commands("pump-01", 9, (Stage.DENIED, Stage.VERIFIED)).commands == page.commands[1:]
    agents, people = (
        archive.commands("pump-01", 1, of=kind).commands for kind in (CallerKind.AGENT, CallerKind.OPERATOR)
    )
    assert (agents, people) == (page.commands[:1], ())
    assert archive.command("cmd-1") == page.commands[1]
    assert archive.command("cmd-8") is None


def test_audit_rows_come_oldest_first_and_by_act(bench: StoreBench, archive: Archive) -> None:
    bench.take(*(AppendAudit(audit(T0 + n, "plant_reloaded" if n % 2 else "alarm_acknowledged")) for n in range(6)))
    assert archive.audit(None, 2) == (audit(T0 + 4, "alarm_acknowledged"), audit(T0 + 5, "plant_reloaded"))
    assert [one.at - T0 for one in archive.audit("plant_reloaded", 9)] == [1, 3, 5]


def test_the_archive_reads_while_the_historian_is_in_the_middle_of_a_commit(
    store: Store, bench: StoreBench, archive: Archive
) -> None:
    bench.take(records([reading(T0)]))
    writer = store.writer()
    with writer.transaction():
        writer.run("DELETE FROM fresh_readings")
        assert len(archive.readings("pump-01", HOUR, 9)) == 1
    writer.close()
    assert archive.readings("pump-01", HOUR, 9) == ()


def test_after_an_error_the_next_question_is_answered(store: Store, bench: StoreBench, archive: Archive) -> None:
    bench.take(records([reading(T0)]))
    bench.settle()
    writer = store.writer()
    writer.run("ALTER TABLE fresh_readings RENAME TO elsewhere")
    with pytest.raises(StoreError, match=r"cannot be read: (Programming|Operational)Error"):
        archive.readings("pump-01", HOUR, 9)
    writer.run("ALTER TABLE elsewhere RENAME TO fresh_readings")
    writer.close()
    assert len(archive.readings("pump-01", HOUR, 9)) == 1


def test_h2_an_alarm_raised_before_the_period_counts_while_it_is_active_in_it(
    bench: StoreBench, archive: Archive
) -> None:
    ended = dataclasses.replace(alarm(1), cleared_at=T0 + 120, state=AlarmState.NORMAL)
    bench.take(records([], alarms=[raised(alarm(0)), raised(ended), raised(alarm(90))]))
    bench.settle()
    assert minutes(find(archive, AlarmQuery(period=Period(T0 + 300, T0 + 900)))) == [0]
    assert minutes(find(archive, AlarmQuery(period=Period(T0 + 90, T0 + 900)))) == [1, 0]
    assert find(archive, AlarmQuery(period=Period(T0 - 900, T0))).total == 0


def test_h3_figures_obey_the_filters_and_tell_of_what_time_something_is_stored(
    bench: StoreBench, archive: Archive
) -> None:
    other = dataclasses.replace(alarm(2), alarm_id="motor-09@2", device_id="motor-09")
    some = [reading(T0 + 5 * number) for number in range(720)]
    bench.take(records(some, alarms=[raised(alarm(0)), raised(other)]))
    bench.settle()
    month = Period(T0 - 29 * 86_400, T0 + 86_400)
    figures = archive.alarm_kpis(month, 1, AlarmQuery(period=month, device_ids=("pump-01",)))
    assert figures.alarms == 1
    assert figures.data == Period(T0, T0 + 5 * 719)
    assert figures.average == pytest.approx(1 / 6, rel=0.01)
    assert archive.alarm_kpis(month, 1, AlarmQuery(device_ids=("boiler-1",))).data is None
    assert archive.alarm_kpis(month, 1, AlarmQuery()).alarms == 2
    whole = archive.alarm_kpis(month, 1)
    assert whole.average == pytest.approx(2 / 6, rel=0.01)  # of the hour that was watched, and not of a month
    assert whole.lines()[0].startswith("0.33 alarms per 10 minutes and operator over 1 h, ")
    assert archive.alarm_kpis(Period(0.0, 86_400.0), 1).lines()[0] == "nothing is stored of this time"


def test_a_page_of_the_audit_is_newest_first_and_narrowed_by_all_that_is_asked(
    bench: StoreBench, archive: Archive
) -> None:
    acts = ("command_denied", "commandXdenied", "alarm_shelved", "command_approved")
    bench.take(*(AppendAudit(audit(T0 + n, act)) for n, act in enumerate(acts)))
    page = archive.audit_page(AuditQuery(limit=2))
    assert ([one.act for one in page.entries], page.total) == (["command_approved", "alarm_shelved"], 4)
    assert [one.act for one in archive.audit_page(AuditQuery(acts=("command_",))).entries] == [acts[3], acts[0]]
    both = archive.audit_page(AuditQuery(acts=("command_a", "alarm_"), period=Period(T0 + 2, T0 + 3)))
    assert [one.act for one in both.entries] == ["alarm_shelved"]
    assert archive.audit_page(AuditQuery(text="SHELVED")).total == 1
    assert archive.audit_page(AuditQuery(text="shelved denied")).total == 0
    assert archive.audit_page(AuditQuery(text="%")).total == 0  # what people look for is no pattern
