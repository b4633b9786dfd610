"""A link in a notification acknowledges once, for a person who still may, the alarm that it was sent for."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.config.escalation import NotificationSettings
from aegisflow.console.sessions import Sessions
from aegisflow.domain.alarms.links import LASTS_S, LINK_USED, AlarmLink
from aegisflow.domain.alarms.model import Alarm, AlarmState, Severity
from aegisflow.domain.credentials import AgentAccess, OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.domain.views import AuditQuery
from aegisflow.errors import BadValueError, ConflictError, NotAllowedError, RequestError
from aegisflow.plant.links import link_signer
from tests.support.console_client import Browser, console_app, everyone
from tests.support.memory_plant import NOW, MemoryPlant, an_alarm
from tests.support.operator_tokens import ANNA_HERSELF
from tests.support.running import Running

ALARM = an_alarm(1)


@pytest.fixture
def plant() -> MemoryPlant:
    plant = MemoryPlant(identities=everyone())
    plant.alarms = [ALARM]
    return plant


def link_of(plant: MemoryPlant, person: str = "operator", **changed: object) -> str:
    link = AlarmLink(ALARM.alarm_id, person, ALARM.severity, NOW - 60)
    return plant.signer.write(replace(link, **changed))  # type: ignore[arg-type]


def test_a_link_acknowledges_in_the_name_of_its_person_and_the_audit_says_that_it_was_a_link(plant) -> None:
    text = link_of(plant)
    assert plant.linked_alarm(text).why_not == ""
    plant.acknowledge_by_link(text, "on my way", "192.0.2.7")
    ((alarm_id, by, note),) = plant.acknowledged
    assert (alarm_id, by.name, note) == (ALARM.alarm_id, "operator", "on my way (by the link in the notification)")
    (row,) = plant.audited
    assert (row.actor, row.act, row.subject, row.detail["from"]) == (
        "operator",
        LINK_USED,
        ALARM.alarm_id,
        "192.0.2.7",
    )


def test_to_look_at_a_link_changes_nothing_however_often(plant) -> None:
    text = link_of(plant)
    for _ in range(3):
        plant.linked_alarm(text)
    assert (plant.acknowledged, plant.audited) == ([], [])


def test_a_link_is_used_once_even_where_the_alarm_asks_again(plant) -> None:
    text = link_of(plant)
    plant.acknowledge_by_link(text, "", "")
    plant.alarms = [ALARM]  # as after a shelf that has ended
    with pytest.raises(ConflictError, match="has been used"):
        plant.acknowledge_by_link(text, "", "")
    assert "has been used" in plant.linked_alarm(text).why_not
    assert len(plant.acknowledged) == 1
    plant.acknowledge_by_link(link_of(plant, "approver"), "", "")  # another person has a link of their own
    assert len(plant.acknowledged) == 2


def changed(alarm: Alarm, **fields: object) -> Callable[[MemoryPlant], None]:
    def change(plant: MemoryPlant) -> None:
        plant.alarms = [replace(alarm, **fields)]  # type: ignore[arg-type]

    return change


def left(plant: MemoryPlant) -> None:
    plant.identities.replace({}, AgentAccess())


def demoted(plant: MemoryPlant) -> None:
    spec = OperatorSpec(token_hash("token-of-operator"), Role.VIEWER)
    plant.identities.replace({"operator": spec}, AgentAccess())


def moved(plant: MemoryPlant) -> None:
    spec = OperatorSpec(token_hash("token-of-operator"), Role.OPERATOR, lines=("line-2",))
    plant.identities.replace({"operator": spec}, AgentAccess())


def expired(plant: MemoryPlant) -> None:
    spec = OperatorSpec(token_hash("token-of-operator"), Role.OPERATOR, expires_at=1.0)
    plant.identities.replace({"operator": spec}, AgentAccess())


def gone(plant: MemoryPlant) -> None:
    plant.spec = replace(plant.spec, devices={})


REFUSED: list[tuple[Callable[[MemoryPlant], object], type[RequestError], str]] = [
    (left, NotAllowedError, "nobody of this name may come in any more"),
    (expired, NotAllowedError, "nobody of this name may come in any more"),
    (lambda plant: plant.revoke_operator("operator", ANNA_HERSELF, "left"), NotAllowedError, "nobody of this name"),
    (demoted, NotAllowedError, "needs the role operator, and theirs is viewer"),
    (moved, NotAllowedError, "about a machine of line-1, and their role is operator of line-2"),
    (gone, ConflictError, "pump-01 has left the plant"),
    (changed(ALARM, severity=Severity.CRITICAL), ConflictError, "it was high when this was sent and is critical now"),
    (
        changed(ALARM, state=AlarmState.ACKNOWLEDGED, acknowledged_by="ben", acknowledged_at=NOW, note="seen"),
        ConflictError,
        "ben has acknowledged it at 2026-01-31T08:00:00Z: “seen”",
    ),
    (
        changed(ALARM, state=AlarmState.NORMAL, cleared_at=NOW),
        ConflictError,
        "it is over: its cause is gone since 2026",
    ),
    (
        changed(ALARM, state=AlarmState.SHELVED, suppressed_by="ben", suppression_reason="known"),
        ConflictError,
        "it is shelved by ben: “known”",
    ),
]


@pytest.mark.parametrize(("happened", "error", "why"), REFUSED)
def test_a_link_is_judged_by_how_things_are_when_it_is_used(plant, happened, error, why) -> None:
    text = link_of(plant)
    happened(plant)
    assert why in plant.linked_alarm(text).why_not
    with pytest.raises(error, match=re.escape(why)):
        plant.acknowledge_by_link(text, "", "")
    assert plant.acknowledged == []
    assert not [row for row in plant.audited if row.act == LINK_USED]  # and it is not used up


def test_a_link_ends_after_a_shift(plant) -> None:
    assert plant.linked_alarm(link_of(plant, told_at=NOW - LASTS_S + 1)).why_not == ""
    with pytest.raises(ConflictError, match="this link ended at 2026-01-31T08:00:00Z"):
        plant.acknowledge_by_link(link_of(plant, told_at=NOW - LASTS_S), "", "")


def test_an_alarm_that_returned_to_normal_unacknowledged_is_acknowledged_by_its_link(plant) -> None:
    plant.alarms = [replace(ALARM, state=AlarmState.RETURNED, cleared_at=NOW - 5)]
    plant.acknowledge_by_link(link_of(plant), "", "")
    assert len(plant.acknowledged) == 1


def test_a_key_from_the_environment_outlives_the_process_and_a_made_up_one_does_not() -> None:
    link = AlarmLink(ALARM.alarm_id, "operator", ALARM.severity, NOW)
    environ = {"KEY": "x" * 64}
    assert link_signer("KEY", environ).read(link_signer("KEY", environ).write(link)) == link
    assert link_signer("KEY", {}).read(link_signer("KEY", {}).write(link)) is None
    with pytest.raises(BadValueError, match="at least 32, such as openssl rand -hex 32 prints"):
        link_signer("KEY", {"KEY": "short"})


def test_a_link_of_before_a_restart_acknowledges_after_it_and_once_over_all_restarts(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("AEGISFLOW_LINK_KEY", "x" * 64)
    assert NotificationSettings().link_key_env == "AEGISFLOW_LINK_KEY"
    running = Running(tmp_path, everyone())
    with running.app:
        running.overheat()
        (alarm,) = running.plant.active_alarms().value
        link = AlarmLink(alarm.alarm_id, "operator", alarm.severity, running.plant.now())
        text = link_signer("AEGISFLOW_LINK_KEY").write(link)
    running = Running(tmp_path, everyone())
    with running.app:
        browser = Browser(console_app(running.plant, Sessions(), identities=everyone()))  # type: ignore[arg-type]
        browser.open(f"/acknowledge/{text}").shows("pump-01: thermal runaway", "Acknowledge as operator")
        assert running.plant.active_alarms().value[0].state is AlarmState.UNACKNOWLEDGED
        browser.send_raw(f"/acknowledge/{text}", {"note": ""})
        browser.shows("is acknowledged in the name of operator.")
        (acknowledged,) = running.plant.active_alarms().value
        assert (acknowledged.state, acknowledged.acknowledged_by) == (AlarmState.ACKNOWLEDGED, "operator")
        running.plant.shelve(alarm.alarm_id, ANNA_HERSELF, 3_600, "again")
        running.plant.unshelve(alarm.alarm_id, ANNA_HERSELF)
    running = Running(tmp_path, everyone())
    with running.app:
        assert running.plant.active_alarms().value[0].state is AlarmState.UNACKNOWLEDGED
        browser = Browser(console_app(running.plant, Sessions(), identities=everyone()))  # type: ignore[arg-type]
        assert browser.send_raw(f"/acknowledge/{text}", {}).status == 409
        browser.shows("has been used")
        rows = running.plant.journal(AuditQuery(acts=("alarm_",))).value.entries
        acts = [row.act for row in rows]
        assert acts == ["alarm_unshelved", "alarm_shelved", "alarm_acknowledged", LINK_USED]
