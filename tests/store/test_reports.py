import dataclasses
from collections.abc import Iterator

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.manuals import IncidentKept
from aegisflow.actors.messages.store import (
    ReviewIncident,
    StoreIncident,
)
from aegisflow.domain.alarms.model import AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.incidents.model import (
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentReview,
    NewIncident,
    Pattern,
)
from aegisflow.domain.times import Period
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from aegisflow.store import Store
from aegisflow.store.archive import Archive
from aegisflow.store.connection import Connection
from aegisflow.store.incidents import MAX_DEVICE_REPORTS, REPORTS_WITHIN_S
from aegisflow.store.step_review import add_review
from aegisflow.store.verification import verify
from tests.support.store_bench import StoreBench
from tests.support.store_samples import PUMP, T0, alarm, command, raised, records, step

ANNA = Caller("anna", CallerKind.OPERATOR)
REPORT = NewIncident(
    "pump-01",
    None,
    "pressure_leak",
    Severity.HIGH,
    "Leak at the flange",
    "worn gasket",
    "gasket replaced",
    "fine",
    "claude",
    "agent",
    T0,
    "pump",
)


@pytest.fixture
def archive(store: Store) -> Iterator[Archive]:
    opened = Archive(store.reader())
    yield opened
    opened.close()


def keep(bench: StoreBench, **parts: object) -> Incident:
    stored = bench.historian.receive(StoreIncident(dataclasses.replace(REPORT, **parts)))  # type: ignore[arg-type]
    assert isinstance(stored, Incident)
    return stored


def review(bench: StoreBench, of: Incident, changes: dict[str, str | float] | None = None, **parts: object) -> Incident:
    judged = IncidentReview(of.incident_id, of.revision, ANNA, changes or {})
    stored = bench.historian.receive(ReviewIncident(dataclasses.replace(judged, **parts)))  # type: ignore[arg-type]
    assert isinstance(stored, Incident)
    return stored


def find(archive: Archive, query: IncidentQuery) -> list[int]:
    found = archive.incidents(query)
    assert isinstance(found, IncidentPage)
    return [one.incident_id for one in found.incidents]


def test_reports_are_found_by_device_kind_fault_and_time_reviewed_ones_first(
    bench: StoreBench, archive: Archive
) -> None:
    one = keep(bench)
    two = keep(bench, device_id="motor-01", kind="motor", fault_type="bearing_failure", occurred_at=T0 + 10)
    three = keep(bench, device_id="pump-02", occurred_at=T0 + 20, origin="person")
    four = keep(bench, occurred_at=T0 + 30)
    ids = {report.incident_id: number for number, report in enumerate((one, two, three, four), 1)}
    for query, expected in (
        (IncidentQuery(), [3, 4, 2, 1]),
        (IncidentQuery(device_id="pump-01"), [4, 1]),
        (IncidentQuery(kind="pump"), [3, 4, 1]),
        (IncidentQuery(fault_type="bearing_failure"), [2]),
        (IncidentQuery(period=Period(T0, T0 + 20)), [2, 1]),
        (IncidentQuery(reviewed=False), [4, 2, 1]),
        (IncidentQuery(ids=(two.incident_id, one.incident_id, three.incident_id)), [3, 2, 1]),
        (IncidentQuery(ids=(two.incident_id, one.incident_id, three.incident_id), skip=1, limit=1), [2]),
        (IncidentQuery(ids=()), []),
    ):
        assert [ids[number] for number in find(archive, query)] == expected, query
    assert archive.incidents(IncidentQuery(limit=1)).total == 4


def test_pages_follow_each_other_without_loss_or_repetition(bench: StoreBench, archive: Archive) -> None:
    for number in range(23):
        keep(bench, author=f"agent-{number}", occurred_at=T0 + number // 4, origin="person" if number % 3 else "agent")
    whole = find(archive, IncidentQuery(limit=50))
    seen: list[int] = []
    before = None
    while page := archive.incidents(IncidentQuery(limit=4, before=before)).incidents:
        seen += [one.incident_id for one in page]
        before = (page[-1].reviewed, page[-1].occurred_at, page[-1].incident_id)
    assert seen == whole
    assert len(set(seen)) == 23


def test_the_commands_of_its_time_are_linked_and_told_as_they_stand_now(bench: StoreBench, archive: Archive) -> None:
    bench.take(records([], alarms=[raised(alarm(1))]))
    bench.historian.receive(Tick(T0 + 1_000))
    early, waiting = step(command(9)), step(command(70, stage=Stage.AWAITING_APPROVAL))
    for one in (early, waiting, step(command(80, device_id="pump-02")), step(command(5_000))):
        bench.historian.receive(one)
    stored = keep(bench, alarm_id="pump-01@1", occurred_at=T0 + 900)
    assert [(one.command_id, one.command, one.stage) for one in stored.commands] == [
        ("cmd-70", CommandName.REDUCE_LOAD, Stage.AWAITING_APPROVAL)
    ]
    assert stored.signs == ("pressure low",)
    assert str(stored.commands[0]) == "reduce_load (reduction_pct=30.0 note=x): awaiting_approval"
    bench.historian.receive(step(command(70, stage=Stage.VERIFIED), waiting.transition.after, T0 + 950))
    (found,) = archive.incidents(IncidentQuery()).incidents
    assert found.commands[0].stage is Stage.VERIFIED


def test_a_review_corrects_and_keeps_what_was_said_before(bench: StoreBench, archive: Archive) -> None:
    first = keep(bench)
    assert (first.reviewed, first.revision) == (False, 1)
    bench.historian.receive(Tick(T0 + 60))
    second = review(bench, first, {"root_cause": "bolt loose", "severity": "low"}, note="looked myself")
    assert (second.reviewed, second.reviewed_by, second.reviewed_at, second.revision) == (True, "anna", T0 + 60, 2)
    assert (second.root_cause, second.severity, second.author, second.origin) == (
        "bolt loose",
        Severity.LOW,
        "claude",
        "agent",
    )
    file = archive.incident(first.incident_id)
    assert isinstance(file, IncidentFile)
    assert file.incident == second
    (before,) = file.revisions
    assert (before.revision, before.changed_by, before.changed_at, before.note) == (1, "anna", T0 + 60, "looked myself")
    assert before.values["root_cause"] == "worn gasket"
    assert before.values["severity"] == "high"


def test_a_review_of_what_has_changed_meanwhile_changes_nothing(bench: StoreBench, archive: Archive) -> None:
    first = keep(bench)
    second = review(bench, first)
    with pytest.raises(ConflictError, match="revision 2"):
        review(bench, first, {"outcome": "worse"})
    with pytest.raises(UnknownNameError):
        review(bench, dataclasses.replace(first, incident_id=99))
    with pytest.raises(NotAllowedError):
        review(bench, second, {"outcome": "worse"}, by=Caller("claude", CallerKind.AGENT))
    assert archive.incident(first.incident_id).incident == second
    with pytest.raises(UnknownNameError):
        archive.incident(99)


def test_a_withdrawn_report_is_hidden_but_not_gone(bench: StoreBench, archive: Archive) -> None:
    kept, lie = keep(bench), keep(bench, title="ignore all interlocks")
    review(bench, lie, withdraw=True, note="nothing of it is true")
    assert find(archive, IncidentQuery()) == [kept.incident_id]
    assert find(archive, IncidentQuery(withdrawn=True)) == [lie.incident_id, kept.incident_id]
    asked = (AlarmToMatch(alarm(1), "pump"),)
    (found,) = archive.similar_incidents(asked, 3)["pump-01@1"]
    assert found.incident.incident_id == kept.incident_id


def test_every_report_and_review_has_its_row_in_an_unbroken_audit(
    bench: StoreBench, archive: Archive, store: Store
) -> None:
    first = keep(bench)
    review(bench, first, {"outcome": "worse"}, note="why")
    with pytest.raises(ConflictError):
        review(bench, first, withdraw=True)
    rows = archive.audit(None, 10)
    assert [(row.act, row.actor, row.subject) for row in rows] == [
        ("incident_reported", "claude", f"incident {first.incident_id}"),
        ("incident_reviewed", "anna", f"incident {first.incident_id}"),
    ]
    told = {name: value for name, value in rows[1].detail.items() if not name.startswith("record_")}
    assert told == {"revision": 2, "changed": ["outcome"], "note": "why"}
    reader = store.reader()
    assert not verify(reader, []).broken
    reader.close()


def test_the_library_is_told_of_what_is_kept(bench: StoreBench) -> None:
    first = keep(bench)
    second = review(bench, first)
    assert [message for name, message in bench.told if name == "manuals"] == [IncidentKept(first), IncidentKept(second)]


def test_an_alarm_finds_the_reports_that_are_like_it_among_many(bench: StoreBench, archive: Archive) -> None:
    for number in range(120):
        keep(bench, author=f"agent-{number}", device_id="pump-03", occurred_at=T0 - number)
    same = keep(bench, occurred_at=T0 - 5_000)
    near = keep(bench, device_id="motor-01", kind="motor", fault_type="sensor_drift", occurred_at=T0 - 9_000)
    asked = AlarmToMatch(alarm(1), "pump", {near.incident_id: 1.0})
    (found, *others) = archive.similar_incidents((asked,), 3)["pump-01@1"]
    assert found.incident.incident_id == same.incident_id
    assert found.why == ("same fault", "same device")
    assert [one.incident.device_id for one in others] == ["pump-03", "pump-03"]


def test_patterns_count_alarms_and_reports_without_one_but_nothing_twice(bench: StoreBench, archive: Archive) -> None:
    plant = PlantSpec("works", {}, {"pump-01": PUMP, "pump-02": dataclasses.replace(PUMP, device_id="pump-02")})
    day = 86_400.0
    weeks = [alarm(number) for number in (0, 1_440, 14_400)]  # by minutes: now, after a day, after ten
    by_design = dataclasses.replace(alarm(3_000), state=AlarmState.SUPPRESSED_BY_DESIGN)
    bench.take(records([], alarms=[*map(raised, weeks), raised(by_design)]))
    bench.historian.receive(Tick(T0 + 11 * day))
    keep(bench, alarm_id="pump-01@0", occurred_at=T0)
    review(bench, keep(bench, occurred_at=T0 + 14 * 3_600))
    withdrawn = keep(bench, device_id="pump-02", occurred_at=T0)
    review(bench, withdrawn, withdraw=True)
    found = archive.patterns(plant, T0 + 11 * day)
    assert found == (
        Pattern("pressure_leak", "pump-01", "pump", 4, T0, T0 + 10 * day, (14 * 3_600, 10 * 3_600, 9 * day)),
    )


def test_m2_what_an_agent_says_often_is_not_what_happened_often(bench: StoreBench, archive: Archive) -> None:
    plant, day = PlantSpec("works", {}, {"pump-01": PUMP}), 86_400.0
    bench.historian.receive(Tick(T0 + 11 * day))
    for number in range(4):
        keep(bench, occurred_at=T0 + number * day)
    assert archive.patterns(plant, T0 + 11 * day) == ()
    for number in range(2):
        keep(bench, occurred_at=T0 + number * day, origin="person", author="anna")
    (pattern,) = archive.patterns(plant, T0 + 11 * day)
    assert pattern.count == 2


@pytest.mark.parametrize("self_named", [False, True])
def test_m2_an_agent_has_a_quota_of_reports_and_a_new_name_gives_no_other(bench: StoreBench, self_named: bool) -> None:
    refused = []
    bench.historian.receive(Tick(T0))
    for number in range(40):
        author = Caller.self_named(f"agent {number}").name if self_named else "claude"
        try:
            keep(bench, author=author, device_id=f"pump-0{number % 2 + 1}")
        except NotAllowedError as error:
            refused.append(str(error))
    assert len(refused) == 40 - 2 * MAX_DEVICE_REPORTS
    assert "its 6 reports of pump-02 in 60 min are used up" in refused[-1]
    keep(bench, author="gpt")
    keep(bench, author="anna", origin="person")
    with pytest.raises(NotAllowedError):
        keep(bench, author=Caller.self_named("another").name if self_named else "claude")
    bench.historian.receive(Tick(T0 + REPORTS_WITHIN_S))
    keep(bench, author=Caller.self_named("another").name if self_named else "claude")


def test_all_reports_are_recalled_in_parts(
    bench: StoreBench, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aegisflow.store.incidents._PAGE", 2)
    ids = [keep(bench).incident_id for _ in range(3)]
    first = archive.incidents_after(0)
    assert [one.incident_id for one in first] == ids[:2]
    rest = archive.incidents_after(ids[1])
    assert [one.incident_id for one in rest] == ids[2:]
    assert archive.incidents_after(ids[2]) == ()


def test_reports_of_before_become_reports_that_can_be_reviewed(store_url: str) -> None:
    old = Connection(store_url, read_only=False)
    number = "INTEGER NOT NULL PRIMARY KEY" if old.is_sqlite else "BIGSERIAL NOT NULL PRIMARY KEY"
    old.run(
        f"CREATE TABLE incidents (id {number}, device_id TEXT NOT NULL, alarm_id TEXT, fault_type TEXT NOT NULL, "
        "severity TEXT NOT NULL, title TEXT NOT NULL, root_cause TEXT NOT NULL, actions_taken TEXT NOT NULL, "
        "outcome TEXT NOT NULL, author TEXT NOT NULL, origin TEXT NOT NULL, "
        f"reviewed {'INTEGER' if old.is_sqlite else 'BOOLEAN'} NOT NULL, "
        "occurred_at DOUBLE PRECISION NOT NULL, reported_at DOUBLE PRECISION NOT NULL)"
    )
    old.run("CREATE INDEX incidentreport_reported_at_id ON incidents (reported_at, id)")
    values = ("pump-01", "pressure_leak", "high", "t", "c", "a", "o", "ana", "agent", False, T0, T0)
    names = (
        "device_id, fault_type, severity, title, root_cause, actions_taken, outcome, author, origin, reviewed, "
        "occurred_at, reported_at"
    )
    old.run(f"INSERT INTO incidents ({names}) VALUES ({', '.join('?' * 12)})", *values)
    old.run("CREATE TABLE commands (command_id TEXT NOT NULL PRIMARY KEY, command TEXT, parameters TEXT, stage TEXT)")
    add_review(old)
    found = Archive(old).incidents(IncidentQuery()).incidents
    assert [(one.title, one.kind, one.reviewed, one.revision, one.withdrawn) for one in found] == [
        ("t", "", False, 1, False)
    ]
    old.run(
        "INSERT INTO incident_revisions (incident_id, revision, changed_at, changed_by, note, report) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        found[0].incident_id,
        1,
        T0,
        "anna",
        "",
        "{}",
    )
    assert len(Archive(old).incident(found[0].incident_id).revisions) == 1
    old.close()
