from dataclasses import replace

import pytest

from aegisflow.domain.alarms.escalation import Escalated, ToldLevel
from aegisflow.domain.alarms.model import AlarmState, Severity
from aegisflow.domain.diagnosis import AlarmDiagnosis, Basis, CitedReading, Confidence
from tests.support.console_client import Browser, attributes_of
from tests.support.memory_plant import NOW, MemoryPlant, an_alarm

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"


def test_the_overview_says_what_is_wrong_the_worst_first(operator: Browser) -> None:
    assert operator.ids("brief-") == ["brief-" + one for one in _hashed(operator)]
    operator.shows(
        "Critical pump-02 bearing failure",
        "vibration 8.4 mm/s · usual 1.5, normal 0.5 to 2.5, alarm limit up to 3.5 · 1 more",
        "3 machines: 3 with an alarm, 0 silent.",
        "No command waits for a decision.",
    )


def _hashed(browser: Browser) -> list[str]:
    from aegisflow.console.render import element_id

    names = ("pump-02@00002", "pump-03@00003", "pump-01@00001")
    return [element_id("brief", name).removeprefix("brief-") for name in names]


def test_a_machine_that_is_normal_is_grey_and_an_alarm_is_shape_number_and_word(plant, operator: Browser) -> None:
    plant.alarms = [plant.alarms[1]]
    text = operator.open("/").text
    assert 'class="tile"' in text
    assert 'class="tile abnormal tile-critical unseen"' in text
    assert '<rect x="2"' in text
    assert ">1</text>" in text
    assert '<span class="priority">Critical</span>' in text


@pytest.mark.parametrize("path", ["/", "/alarms"])
def test_an_instant_within_the_reason_of_an_alarm_is_one_for_people_too(path: str, plant, operator: Browser) -> None:
    reason = "no reading has come since the watch began at 2026-01-31T08:00:00.578Z"
    plant.alarms = [replace(plant.alarms[1], evidence=(), reasons=(reason,))]
    page = operator.open(path)
    page.shows("no reading has come since the watch began at 2026-01-31 08:00:00 UTC")
    assert '<time datetime="2026-01-31T08:00:00.578Z"' in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"pump-01", "pump-02", "pump-03"}),
        ("state=unacknowledged", {"pump-02", "pump-03"}),
        ("state=acknowledged", {"pump-01"}),
        ("state=returned", {"pump-03"}),
        ("state=shelved", {"pump-04"}),
        ("state=silenced-lasting", {"pump-04"}),
        ("state=all&severity=high", {"pump-02", "pump-03"}),
        ("state=all&text=ben+seen", {"pump-01"}),
        ("state=all&text=PUMP-02", {"pump-02"}),
        ("line=line-9", set()),
        ("kind=pump&severity=critical", {"pump-02"}),
        ("kind=motor", set()),
    ],
)
def test_filters_combine(query: str, found: set[str]) -> None:
    from tests.support.console_client import console_app, everyone

    plant = MemoryPlant(4, everyone())
    plant.alarms = [
        replace(an_alarm(1, "pump-01", Severity.LOW, "seen"), state=AlarmState.ACKNOWLEDGED, acknowledged_by="ben"),
        an_alarm(2, "pump-02", Severity.CRITICAL),
        replace(an_alarm(3, "pump-03"), state=AlarmState.RETURNED, cleared_at=NOW - 5),
        replace(an_alarm(4, "pump-04", Severity.LOW), state=AlarmState.SHELVED, shelved_until=NOW + 600),
    ]
    page = Browser(console_app(plant)).sign_in("operator").open(f"/alarms?{query}")
    assert {name for name in plant.spec.devices if f"Choose {name}," in page.text} == found


def test_a_filter_that_cannot_be_is_told(operator: Browser) -> None:
    assert operator.open("/alarms?state=loud").status == 404
    operator.shows("loud")


def test_many_are_acknowledged_at_once_and_stay_listed(plant: MemoryPlant, operator: Browser) -> None:
    operator.open("/alarms")
    operator.send("/alarms/acknowledge", {"alarm": ["pump-01@00001", "pump-02@00002"], "note": "I look into it."})
    operator.shows("2 alarms acknowledged.", "Acknowledged by operator: “I look into it.”")
    assert operator.ids("alarm-[0-9a-f]{16}") != []
    assert len(plant.acknowledged) == 2


def test_one_that_cannot_be_acknowledged_stops_no_other(plant: MemoryPlant, operator: Browser) -> None:
    operator.send("/alarms/acknowledge", {"alarm": ["pump-01@00001", "gone@1"], "note": "Seen."})
    operator.shows("pump-01@00001 acknowledged. Not done: gone@1:")
    assert len(plant.acknowledged) == 1


def test_what_was_not_done_is_told_with_the_form_as_it_was(plant: MemoryPlant, operator: Browser) -> None:
    operator.send("/alarms/acknowledge", {"note": "Seen."})
    assert operator.status == 400
    assert operator.fields()["note"] == "Seen."
    operator.open("/alarms").send("/alarms/pump-01@00001/acknowledge", {"note": "  "})
    assert operator.status == 400
    assert not plant.acknowledged


def test_an_alarm_is_shelved_with_time_and_reason_and_comes_back(plant: MemoryPlant, operator: Browser) -> None:
    fields = {"duration_s": "1800", "note": "Cleaning until nine."}
    operator.send("/alarms/pump-01@00001/shelve", fields)
    operator.shows("pump-01@00001 shelved.", "Shelved", "Cleaning until nine.")
    assert plant.alarms[0].shelved_until == NOW + 1_800
    operator.open("/alarms?state=shelved").shows("the cause lasts", "left by operator")
    operator.open("/alarms/pump-01@00001").send("/alarms/pump-01@00001/unshelve", {})
    assert plant.alarms[0].state is AlarmState.UNACKNOWLEDGED


def test_an_alarm_is_taken_out_of_service_and_returned(plant: MemoryPlant, operator: Browser) -> None:
    operator.send("/alarms/pump-01@00001/out-of-service", {"note": "The sensor is being replaced."})
    assert plant.alarms[0].state is AlarmState.OUT_OF_SERVICE
    operator.send("/alarms/pump-01@00001/in-service", {})
    assert plant.alarms[0].state is AlarmState.UNACKNOWLEDGED


def test_one_alarm_shows_why_what_is_allowed_and_what_the_manual_says(operator: Browser) -> None:
    operator.open("/alarms/pump-02@00002").shows(
        "pump-02: bearing failure",
        "8.4 mm/s high · usual 1.5 mm/s ± 0.4 · normal 0.5 to 2.5 · alarm limit up to 3.5",
        "vibration rises alone",
        "restart belongs to people",
        "Pumps: Faults > Leak",
        "raised (critical)",
    )
    assert 'data-trend="/machines/pump-02/trend?last_s=14400&amp;sensor=vibration%2Cpressure"' in operator.text


def test_an_alarm_that_never_was_and_a_machine_that_left_are_told(plant: MemoryPlant, operator: Browser) -> None:
    assert operator.open("/alarms/never@1").status == 404
    plant.spec = replace(plant.spec, devices={"pump-01": plant.spec.devices["pump-01"]})
    assert operator.open("/machines/pump-02").status == 404
    operator.shows("pump-02")
    assert operator.open("/alarms/pump-02@00002").status == 200
    operator.shows("The plant does not have this machine any more.")


def test_a_trend_keeps_its_peaks_over_a_week(operator: Browser) -> None:
    answer = operator.client.get("/machines/pump-01/trend?last_s=604800&sensor=vibration").json()
    (vibration,) = answer["sensors"]
    assert max(vibration["high"]) == 99.25
    assert vibration["alarm"] == {"low": None, "high": 3.5}
    assert answer["end"] - answer["start"] == 604_800
    for wrong in ("last_s=0", "last_s=soon", "last_s=1e9", "sensor=none"):
        assert operator.client.get(f"/machines/pump-01/trend?{wrong}").status_code in (400, 404)


def test_markup_in_what_people_wrote_is_text(plant: MemoryPlant, operator: Browser) -> None:
    operator.send("/alarms/pump-01@00001/acknowledge", {"note": MARKUP})
    plant.alarms[1] = replace(plant.alarms[1], reasons=(MARKUP,), acknowledged_by=MARKUP, note=MARKUP)
    for path in ("/", "/alarms", "/alarms/pump-01@00001", "/alarms/pump-02@00002", "/machines/pump-02"):
        text = operator.open(path).text
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "49" not in text.partition("<main")[2].replace("00049", "")
        assert attributes_of(text, ("on", "style")) == []


def test_a_hundred_kilobytes_of_note_are_kept_to_what_a_note_may_be(plant: MemoryPlant, operator: Browser) -> None:
    operator.send("/alarms/pump-01@00001/acknowledge", {"note": "ä" * 50_000})
    assert operator.status == 200
    ((_, _, note),) = plant.acknowledged
    assert len(note.encode()) <= 1_000
    assert note.endswith("…")


def test_an_operator_states_the_mode_of_a_machine_and_nothing_is_sent(plant: MemoryPlant, operator: Browser) -> None:
    operator.open("/machines/pump-01")
    operator.send("/machines/pump-01/mode", {"mode": "maintenance", "reduction_pct": "", "reason": "I stand at it."})
    operator.shows("pump-01 counts as maintenance by your word. Nothing was sent to it.")
    ((stated),) = plant.stated
    assert (stated.device_id, stated.by, stated.reason) == ("pump-01", "operator", "I stand at it.")
    assert plant.requests == []


def test_an_operator_says_until_when_a_machine_is_healthy_and_decides_about_it(operator: Browser) -> None:
    act = "/machines/pump-01/learning"
    operator.open("/machines/pump-01").send(act, {"act": "begin", "until": "8h", "reason": "overhauled"})
    operator.shows("pump-01: learning, 0 %, until 2026-01-31 16:00:00 UTC (120 more healthy readings are needed)")
    operator.open("/").shows("learning, 0 %")
    operator.open("/machines/pump-01").shows("operator calls the machine healthy until", "overhauled")
    operator.send(act, {"act": "extend", "until": "soon", "reason": "it stood"})
    assert operator.status == 400
    operator.send(act, {**operator.fields(), "act": "extend", "until": "1d", "reason": "it stood"})
    operator.open("/machines/pump-01").send(act, {"act": "discard", "until": "", "reason": "the wrong machine"})
    operator.shows("What was learned of pump-01 is thrown away: what was normal before is again.", "Begin to learn")


def test_a_command_wants_the_name_of_its_machine(plant: MemoryPlant, operator: Browser) -> None:
    fields = {"command": "reduce_load", "parameter": "reduction_pct", "value": "20", "justification": "It runs hot."}
    operator.open("/machines/pump-01").send("/machines/pump-01/command", {**fields, "name": "pump-02"})
    assert operator.status == 400
    assert plant.requests == []
    operator.send("/machines/pump-01/command", {**operator.fields(), "name": "pump-01"})
    (receipt,) = plant.requests
    assert receipt.command.parameters == {"reduction_pct": 20.0}
    assert receipt.command.proposed_by.name == "operator"


def test_an_alarm_says_who_has_been_told_and_who_is_next(plant: MemoryPlant, operator: Browser) -> None:
    told = (ToldLevel("plant manager", NOW - 600), ToldLevel("shift leader", NOW - 60, ("webhook",)))
    plant.escalated["pump-02@00002"] = Escalated(told, "department manager", NOW + 240)
    operator.open("/alarms/pump-02@00002").shows(
        "plant manager, 2026-01-31 07:50:00 UTC",
        "not yet delivered to webhook",
        "If nobody acknowledges: department manager",
    )
    plant.alarms[1] = replace(plant.alarms[1], state=AlarmState.ACKNOWLEDGED, acknowledged_by="ben")
    assert "Who has been told" not in operator.open("/alarms/pump-02@00002").text


def test_a_diagnosis_says_how_sure_it_is_and_whose_words_it_is(plant: MemoryPlant, operator: Browser) -> None:
    made = AlarmDiagnosis(
        "pump-02@00002",
        "pump-02",
        NOW,
        Basis.MODEL,
        "bearing_failure",
        Confidence.HIGH,
        (CitedReading("vibration", 8.4, NOW - 300, "mm/s"),),
        (),
        (),
        "reduce_load 30",
        "It would change if power swings.",
        words=f"Because of {MARKUP}",
        model="claude-x",
    )
    plant.diagnosed = {"pump-02@00002": made}
    operator.open("/alarms/pump-02@00002").shows(
        "bearing failure, high confidence (a model's words (claude-x), not checked by a person)",
        "vibration 8.4 mm/s",
        "Suggested: reduce load 30.",
        f"Because of {MARKUP}",
    )
    assert "<script>alert" not in operator.text


def test_whoever_acknowledges_too_late_is_told_who_was_faster(plant: MemoryPlant, app, operator: Browser) -> None:
    operator.open("/alarms/pump-01@00001")
    Browser(app).sign_in("approver").send("/alarms/pump-01@00001/acknowledge", {"note": "I have it."})
    assert operator.send("/alarms/pump-01@00001/acknowledge", {"note": "Mine."}).status == 409
    operator.shows("approver had acknowledged it before")
    plant.alarms[1] = replace(plant.alarms[1], state=AlarmState.SHELVED, shelved_until=NOW + 60)
    assert operator.open("/").send("/alarms/pump-02@00002/acknowledge", {"note": "Mine."}).status == 409
    operator.shows("nobody is asked to acknowledge it: it is shelved")
    assert [by.name for _, by, _ in plant.acknowledged] == ["approver"]


def test_the_first_of_several_that_tripped_together_is_marked(plant: MemoryPlant, operator: Browser) -> None:
    plant.alarms = [
        replace(an_alarm(number, f"pump-0{number}", Severity.CRITICAL), raised_at=NOW - 60 + number)
        for number in (1, 2, 3)
    ]
    for path in ("/", "/alarms"):
        assert operator.open(path).text.count("first out") == 1
    operator.open("/alarms/pump-01@00001").shows("first out")
    assert "first out" not in operator.open("/alarms/pump-02@00002").text
