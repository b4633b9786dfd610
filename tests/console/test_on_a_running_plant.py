"""The page in front of the whole application: actors, store and guard, on a FakeBus."""

from pathlib import Path

from aegisflow.domain.alarms.model import AlarmState
from tests.support.console_client import Browser, console_app, everyone
from tests.support.running import Running

PAGES = (
    "/",
    "/alarms",
    "/alarms?state=all",
    "/machines/pump-01",
    "/machines/motor-01",
    "/approvals",
    "/journal?last=30d",
    "/journal?kind=raised&last=30d",
    "/journal/export",
    "/journal/refused",
    "/journal/figures",
    "/handover",
    "/what-to-do",
    "/incidents",
    "/manuals?text=seal",
    "/manuals/pump.md",
    "/agents",
)


def test_every_page_shows_a_running_plant_and_what_is_done_there_is_kept(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        running.overheat()
        plant = running.plant
        app = console_app(plant, identities=everyone())  # type: ignore[arg-type]
        browser = Browser(app).sign_in("approver")
        for path in PAGES:
            assert browser.open(path).status == 200, f"{path}: {browser.text}"
        (alarm,) = plant.active_alarms().value
        before = plant.changes()
        browser.open(f"/alarms/{alarm.alarm_id}").shows("pump-01: thermal runaway", "raised", "temperature")
        browser.send(f"/alarms/{alarm.alarm_id}/acknowledge", {"note": "Seen."})
        browser.shows("acknowledged.", "by approver", "Seen.")
        assert plant.active_alarms().value[0].state is AlarmState.ACKNOWLEDGED
        running.bus.wait_until(lambda: plant.changes() > before)  # so that open pages look at once
        browser.open(f"/alarms/{alarm.alarm_id}").shows("acknowledged by approver")
        answer = browser.client.get("/machines/pump-01/trend?last_s=604800")
        assert {one["sensor"] for one in answer.json()["sensors"]} >= {"temperature"}
        browser.open("/machines/motor-01")
        browser.send("/machines/motor-01/mode", {"mode": "maintenance", "reason": "I stand at it."})
        browser.open("/machines/motor-01").shows("Mode: maintenance")
        browser.open("/handover").send("/handover/leave", {"note": "Quiet."})
        browser.open("/journal?last=30d").shows("signed in", "mode stated", "shift handed over", "alarm acknowledged")
        browser.open("/approvals").send("/agents/stop", {})
        browser.open("/").shows("Agents are stopped by approver")
        report = {
            "title": "Hot",
            "root_cause": "c",
            "actions_taken": "a",
            "outcome": "o",
            "fault_type": "thermal_runaway",
        }
        fields = {**report, "severity": "high", "device_id": "pump-01", "alarm_id": alarm.alarm_id}
        browser.open(f"/incidents/new?alarm={alarm.alarm_id}").send("/incidents", fields)
        browser.shows("Report 1 is stored.")
        browser.open("/incidents/1").shows("its alarm", "Hot")
