import csv
import io
from dataclasses import replace

import pytest

from aegisflow.api.what_to_do import as_csv
from aegisflow.console.agents import PROPOSALS
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.equipment import FaultResponse
from aegisflow.domain.refused import RefusedLine
from aegisflow.domain.views import AuditEntry
from tests.support.console_client import Browser
from tests.support.memory_plant import NOW, MemoryPlant, a_new_incident, an_alarm

REPORT = {
    "title": "Seal worn",
    "root_cause": "Dry running",
    "actions_taken": "New seal",
    "outcome": "Runs",
    "fault_type": "pressure_leak",
    "severity": "high",
}


@pytest.fixture
def admin(app) -> Browser:
    return Browser(app).sign_in("admin")


def test_the_journal_tells_who_did_what_and_filters(plant: MemoryPlant, operator: Browser) -> None:
    plant.audited = [
        AuditEntry(NOW - 60, "ben", "alarm_acknowledged", "pump-01@1", {"note": "<i>Seen</i>"}),
        AuditEntry(NOW - 50, "guard", "command_denied", "pump-02", {"command": "restart"}),
        AuditEntry(NOW - 90_000, "ben", "alarm_shelved", "pump-01@1", {"reason": "long ago"}),
    ]
    operator.open("/journal").shows("2 entries", "alarm acknowledged", "note: <i>Seen</i>", "command denied")
    operator.open("/journal?kind=commands").shows("1 entries", "command denied")
    assert "alarm acknowledged" not in operator.text
    operator.open("/journal?last=7d&text=ben+shelved").shows("1 entries", "long ago")
    operator.open("/journal?kind=raised").shows("3 entries", "pump-02: bearing failure", "critical, unacknowledged")
    operator.open("/journal?start=2026-01-31T07:59&end=2026-01-31T07:59:30").shows("2 entries")
    for wrong in ("kind=none", "last=soon", "start=yesterdayish"):
        assert operator.open(f"/journal?{wrong}").status in (400, 404)


def test_the_journal_goes_into_a_spreadsheet_and_no_cell_becomes_a_formula(plant, operator: Browser) -> None:
    plant.audited = [AuditEntry(NOW - 60, "=cmd|' /C calc'!A0", "alarm_acknowledged", 'a,"b"', {"note": "+1\n2"})]
    answer = operator.client.get("/journal/export?kind=alarms")
    assert answer.headers["content-disposition"] == 'attachment; filename="journal.csv"'
    head, row = csv.reader(io.StringIO(answer.text))
    assert head == ["at", "who", "what", "subject", "detail"]
    assert row == ["2026-01-31T07:59:00Z", "'=cmd|' /C calc'!A0", "alarm_acknowledged", 'a,"b"', "note: +1 2"]
    assert as_csv(("a",), [("-1",), ("@x",), ("",), ("fine",)]).splitlines() == ["a", "'-1", "'@x", '""', "fine"]


def test_refused_messages_are_shown_with_topic_reason_and_sample_as_text(plant, operator: Browser) -> None:
    line = RefusedLine("pump-01", "", "bad_json", 7, NOW - 9, NOW, "aegisflow/sensors/pump-01", "<b>{", "JSON")
    plant.refusals = (line, replace(line, device_id=None))
    operator.open("/journal/refused").shows("14 refused", "bad json", "<b>{", "no machine of the plant")
    assert "<b>{" not in operator.text


def test_alarm_figures_stand_beside_the_limits_of_eemua_191(plant, operator: Browser) -> None:
    operator.open("/journal/figures?last=24h&operators=2").shows("3 alarms.", "acceptable up to 1", "guide 80 %")
    operator.shows("per 10 minutes and operator over 1 d, ", "of which something is stored: ")
    operator.shows("above 10: a flood", "1: acceptable on average", "there was no flood", "The same as a table")
    plant.alarms = [an_alarm(1, severity=Severity.CRITICAL)]
    operator.open("/journal/figures").shows("1 alarm.", "High and critical", "100 % (guide 5 %)")
    for wrong in ("operators=0", "operators=many", "last=soon"):
        assert operator.open(f"/journal/figures?{wrong}").status == 400


def test_a_shift_is_signed_by_the_one_who_leaves_and_the_one_who_comes(plant, app, operator: Browser) -> None:
    operator.open("/handover").shows("Open alarms: 3", "Happened since")
    operator.send("/handover/leave", {"note": "Quiet. <b>Watch pump-02.</b>"})
    operator.shows(
        "You have signed.", "It waits for the signature of the one who comes.", "Quiet. <b>Watch pump-02.</b>"
    )
    left = plant.audited[-1]
    assert left.detail["facts"][0].startswith("critical pump-02: bearing failure, unacknowledged")
    own = {"handover_at": repr(NOW), "note": "I am here."}
    assert operator.send("/handover/take", own).status == 409
    second = Browser(app).sign_in("approver").open("/handover")
    assert second.send("/handover/take", {**own, "handover_at": "1"}).status == 409
    assert second.open("/handover").send("/handover/take", {**own, "handover_at": "soon"}).status == 400
    second.open("/handover").send("/handover/take", own)
    second.shows("You have taken the shift over.", "operator → approver", "I am here.")
    third = Browser(app).sign_in("admin").open("/handover")
    assert third.send("/handover/take", own).status == 409
    third.shows("approver has already taken over from operator")


def test_a_report_is_written_from_an_alarm_and_dated_by_it(plant: MemoryPlant, operator: Browser) -> None:
    operator.open("/incidents/new?alarm=pump-02@00002").shows("Write a report about pump-02: bearing failure")
    assert 'name="occurred_at" value="2026-01-31T05:13:22Z"' in operator.text
    fields = {**REPORT, "alarm_id": "pump-02@00002", "device_id": "pump-02", "occurred_at": "2026-01-31T05:13:22Z"}
    operator.send("/incidents", fields)
    operator.shows("Report 1 is stored.", "Seal worn pump-02, pressure leak, high")
    (report,) = plant.reports
    assert (report.author, report.origin, report.alarm_id) == ("operator", "person", "pump-02@00002")
    assert NOW - report.occurred_at == 9_998


def test_a_report_that_lacks_something_is_given_back_as_it_was(plant: MemoryPlant, operator: Browser) -> None:
    operator.open("/incidents/new")
    operator.send("/incidents", {**REPORT, "device_id": "pump-01", "fault_type": "Not A Name"})
    assert operator.status == 400
    assert operator.fields()["root_cause"] == "Dry running"
    assert plant.reports == []


def test_a_report_is_reviewed_corrected_and_withdrawn(plant: MemoryPlant, operator: Browser) -> None:
    plant.log_incident(a_new_incident())
    same = {"title": "Seal worn", "root_cause": "worn seal", "actions_taken": "replaced", "outcome": "normal"}
    fields = {**same, "severity": "high", "fault_type": "pressure_leak", "revision": "1", "decision": "right"}
    operator.open("/incidents/1").send("/incidents/1/review", {**fields, "root_cause": "Dry running"})
    operator.shows("Report 1 is reviewed.", "Dry running", "Revision 1, until operator changed it")
    assert operator.send("/incidents/1/review", fields).status == 409  # it was read before somebody changed it
    withdrawn = {**fields, "revision": "2", "decision": "withdraw", "note": "It was another pump."}
    operator.open("/incidents/1").send("/incidents/1/review", withdrawn)
    operator.shows("Report 1 is withdrawn.")


def test_manuals_are_searched_and_read(operator: Browser) -> None:
    operator.open("/manuals").shows("All manuals", "Pumps")
    operator.open("/manuals?text=leak&device_id=pump-01").shows("Pumps: Faults > Leak")
    operator.open("/manuals/pump.md").shows("# Pumps")
    assert operator.open("/manuals/none.md").status == 404


def test_an_agents_token_is_shown_once_and_kept_nowhere(plant: MemoryPlant, admin: Browser) -> None:
    admin.open("/agents").shows("No agent has a token of its own.")
    wanted: dict[str, str | list[str]] = {"name": "line-agent", "calls_per_min": "60", "proposals_per_hour": ""}
    wanted["tools"] = ["get_device_status"]
    admin.send("/agents", wanted)
    admin.shows("The token of line-agent, shown this once and kept nowhere:", "May call get_device_status", "60 calls")
    token = admin.text.partition("kept nowhere: ")[2].partition("<")[0]
    assert len(token) > 40
    assert token not in admin.open("/agents").text
    ((credential, _),) = plant.agents()
    assert credential.token_sha256 not in admin.text
    admin.send("/agents/line-agent/revoke", {"reason": "No longer used."})
    admin.shows("The token of line-agent opens nothing any more.", "revoked by admin", "No longer used.")


def test_a_quota_that_is_no_number_is_refused_in_words(plant: MemoryPlant, admin: Browser) -> None:
    admin.open("/agents").send("/agents", {"name": "line-agent", "calls_per_min": "many"})
    assert admin.status == 400
    assert plant.agents() == ()


def test_what_agents_proposed_and_what_became_of_it_is_listed(plant: MemoryPlant, operator: Browser) -> None:
    agent = Caller("line-agent", CallerKind.AGENT, True)
    plant.request_command("pump-01", CommandName.RESTART, {}, agent, "why")
    plant.request_command("pump-02", CommandName.RESTART, {}, Caller("ben", CallerKind.OPERATOR, True), "why")
    operator.open("/agents").shows("agent line-agent (known by its token)", "awaiting approval: an operator approves")
    assert "operator ben" not in operator.text
    assert "older ones" not in operator.text


def test_a_busy_shift_does_not_hide_what_agents_proposed_before(plant: MemoryPlant, operator: Browser) -> None:
    agent, ben = Caller("line-agent", CallerKind.AGENT, True), Caller("ben", CallerKind.OPERATOR, True)
    plant.request_command("pump-01", CommandName.RESTART, {}, agent, "why")
    for _ in range(PROPOSALS):
        plant.request_command("pump-02", CommandName.RESTART, {}, ben, "why")
    operator.open("/agents").shows("agent line-agent (known by its token)")
    for _ in range(PROPOSALS):
        plant.request_command("pump-03", CommandName.RESTART, {}, agent, "why")
    operator.open("/agents").shows(f"The newest {PROPOSALS}; older ones stand in the")
    assert operator.text.count('href="/machines/pump-03"') == PROPOSALS


def test_the_token_of_a_person_is_revoked_and_their_session_ends(plant, operator: Browser, admin: Browser) -> None:
    admin.open("/agents").send("/people/operator/revoke", {"reason": "Left."})
    admin.shows("The token of operator opens nothing any more")
    assert operator.open("/").status == 401


def test_what_to_do_about_a_fault_stands_in_a_table_and_beside_each_of_its_alarms(plant, operator: Browser) -> None:
    common = FaultResponse("Wear.", "It seizes.", 900.0, "=Reduce the load.")
    motor = replace(common, action="Look at the <b>drive</b>.")
    plant.spec = replace(plant.spec, responses={"bearing_failure": {"": common, "motor": motor}})
    operator.open("/what-to-do").shows("bearing failure", "It seizes.", "15 min", "Look at the <b>drive</b>.")
    operator.open("/alarms/pump-01@00001").shows("What to do within 15 min", "=Reduce the load.", "Usual causes: Wear.")
    head, *rows = csv.reader(io.StringIO(operator.client.get("/what-to-do/export").text))
    assert head[:2] == ["fault", "kind"]
    assert [row[1] for row in rows] == ["", "motor"]
    assert rows[0][6] == "'=Reduce the load."


def test_the_journal_spares_people_what_only_proves_its_rows_and_the_export_keeps_it(plant, operator: Browser) -> None:
    detail = {
        "command_id": "cmd-1",
        "parameters": {},
        "reasons": ['ask “twice”; a "b"', "by 2026-11-30T21:39:47Z"],
        "added": [],
        "digest": "a" * 64,
        "record_sha256": "b" * 64,
    }
    plant.audited = [AuditEntry(NOW - 60, "guard", "command_awaiting_approval", "pump-01", detail)]
    text = operator.open("/journal").text
    operator.shows('command_id: cmd-1; reasons: ask “twice”; a "b", by 2026-11-30 21:39:47 UTC')
    assert "added" not in text
    assert "a" * 64 not in text
    assert "b" * 64 not in text
    exported = operator.open("/journal/export").text
    assert "a" * 64 in exported
    assert "b" * 64 in exported
