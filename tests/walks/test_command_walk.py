"""The walk of a command, through the whole application, with machines that obey, refuse, ignore, pretend or die."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.actors.messages.device import ExecuteCommand, ReportMode
from aegisflow.actors.messages.gateway import PublishCommand
from aegisflow.actors.messages.guard import CommandProgressed
from aegisflow.actors.runtime.directory import Directory
from aegisflow.bus.signature import sign
from aegisflow.config import Configuration
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.times import format_instant
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from simulator.faults import Fault
from simulator.machines import Temper
from tests.support.commanding import ADA, AGENT, BEN, Commanded, Make
from tests.support.waiting import eventually

KEY = b"a key of the plant that only machines have"
REDUCE, STOP = CommandName.REDUCE_LOAD, CommandName.EMERGENCY_SHUTDOWN


def test_from_the_proposal_to_the_proof(make: Make) -> None:
    plant = make()
    asked = plant.propose("pump-01", REDUCE, reduction_pct=50.0)
    assert asked.stage is Stage.AWAITING_APPROVAL
    assert plant.orders("pump-01") == []
    sent = plant.approve(asked)
    assert sent.stage is Stage.DISPATCHED
    plant.live_until(lambda: plant.stage(asked) is Stage.VERIFIED, 180)
    assert plant.orders("pump-01") == ["reduce_load"]
    plant.pass_time()
    status = plant.plant.device_status("pump-01").value
    assert status.mode is Mode.REDUCED_LOAD
    assert plant.machines["pump-01"].load == pytest.approx(0.5)


def test_a_denied_command_never_leaves(make: Make) -> None:
    plant = make()
    denied = plant.propose("pump-01", CommandName.RESTART)
    assert denied.stage is Stage.DENIED
    assert any("normal" in reason for reason in denied.reasons)
    plant.pass_time(60)
    assert plant.orders("pump-01") == []


def test_an_operator_restores_what_was_reduced_and_ends_maintenance(make: Make) -> None:
    plant = make()
    reduced = plant.propose("pump-01", REDUCE, ADA, reduction_pct=40.0)
    plant.live_until(lambda: plant.stage(reduced) is Stage.VERIFIED, 180)
    plant.pass_time()
    restored = plant.propose("pump-01", CommandName.RESTORE_LOAD, ADA)
    assert restored.stage is Stage.DISPATCHED
    plant.live_until(lambda: plant.stage(restored).is_final, 400)
    assert plant.stage(restored) is Stage.VERIFIED
    serviced = plant.propose("pump-01", CommandName.ENABLE_MAINTENANCE_MODE, ADA)
    plant.live_until(lambda: plant.stage(serviced) is Stage.VERIFIED, 1200)
    plant.pass_time(10)
    assert plant.plant.device_status("pump-01").value.mode is Mode.MAINTENANCE


def test_a_restart_waits_until_the_machine_has_recovered(make: Make) -> None:
    plant = make()
    stopped = plant.propose("motor-01", STOP, ADA)
    plant.live_until(lambda: plant.stage(stopped) is Stage.VERIFIED, 120)
    plant.pass_time()
    early = plant.propose("motor-01", CommandName.RESTART, ADA)
    plant.live_until(lambda: plant.stage(early) is Stage.FAILED, 60)
    assert any("interlock" in reason and "temperature" in reason for reason in plant.stored(early).reasons)
    assert plant.orders("motor-01") == ["emergency_shutdown"]
    plant.pass_time(31 * 60)
    late = plant.propose("motor-01", CommandName.RESTART, ADA)
    plant.live_until(lambda: plant.stage(late) is Stage.VERIFIED, 400)


@pytest.mark.parametrize(
    ("temper", "stage", "words"),
    [
        (Temper.REFUSES, Stage.FAILED, "refused"),
        (Temper.IGNORES, Stage.OUTCOME_UNKNOWN, "did not answer"),
        (Temper.PRETENDS, Stage.UNVERIFIED, "do not show it"),
        (Temper.STUTTERS, Stage.VERIFIED, "readings show it"),
        (Temper.MISADDRESSES, Stage.OUTCOME_UNKNOWN, "did not answer"),
        (Temper.DIES, Stage.UNVERIFIED, "do not show it"),
    ],
)
def test_what_a_machine_makes_of_it_is_told_as_it_is(make: Make, temper: Temper, stage: Stage, words: str) -> None:
    plant = make(tempers={"pump-02": temper})
    sent = plant.propose("pump-02", REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(sent).is_final, 400)
    assert plant.stage(sent) is stage
    assert any(words in reason for reason in plant.stored(sent).reasons)
    assert plant.orders("pump-02") == ["reduce_load"]
    assert (plant.questions("pump-02") > 0) is (temper not in (Temper.REFUSES, Temper.STUTTERS))
    called = [alarm.fault_type for alarm in plant.plant.active_alarms(("pump-02",)).value]
    needs_person = stage in (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)
    assert (f"command_{stage}" in called) is needs_person


def test_an_order_that_reaches_the_device_twice_is_sent_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, tell = make(), Directory.tell

    def twice(directory: Directory, name: str, message: object) -> bool:
        if isinstance(message, ExecuteCommand):
            tell(directory, name, message)
        return tell(directory, name, message)

    monkeypatch.setattr(Directory, "tell", twice)
    sent = plant.propose("pump-02", REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.VERIFIED, 400)
    assert plant.orders("pump-02") == ["reduce_load"]


def test_an_order_that_comes_to_the_gateway_too_late_is_not_sent(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, tell = make(), Directory.tell

    def late(directory: Directory, name: str, message: object) -> bool:
        if isinstance(message, PublishCommand):
            message = PublishCommand(replace(message.record, send_by=plant.plant.now()))
        return tell(directory, name, message)

    monkeypatch.setattr(Directory, "tell", late)
    sent = plant.propose("pump-02", REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.FAILED, 60)
    assert any("expired before it could be sent" in reason for reason in plant.stored(sent).reasons)
    assert plant.orders("pump-02") == []


def test_what_the_guard_missed_is_told_to_it_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, tell = make(), Directory.tell
    lost: list[object] = []

    def lossy(directory: Directory, name: str, message: object) -> bool:
        if isinstance(message, CommandProgressed) and message.progress.stage is Stage.VERIFIED and not lost:
            lost.append(message)
            return True
        return tell(directory, name, message)

    monkeypatch.setattr(Directory, "tell", lossy)
    sent = plant.propose("pump-02", REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: lost, 400)
    assert plant.stage(sent) is Stage.ACKNOWLEDGED
    plant.app.directory.tell("pump-02", ReportMode())
    eventually(lambda: plant.stage(sent) is Stage.VERIFIED)


def test_an_approval_is_for_people_for_this_command_and_once(make: Make) -> None:
    plant = make()
    asked = plant.propose("pump-01", STOP)
    (view,) = plant.plant.approvals().value
    command_id = asked.command.command_id
    with pytest.raises(NotAllowedError, match="operator"):
        plant.plant.approve(command_id, view.digest, AGENT)
    with pytest.raises(ConflictError, match="not the command that was shown"):
        plant.plant.approve(command_id, "0" * 64, ADA)
    with pytest.raises(UnknownNameError):
        plant.plant.approve("cmd-invented", view.digest, ADA)
    assert plant.orders("pump-01") == []
    assert plant.approve(asked).stage is Stage.DISPATCHED
    with pytest.raises(UnknownNameError):
        plant.plant.approve(command_id, view.digest, BEN)
    plant.live_until(lambda: plant.stage(asked) is Stage.VERIFIED, 120)
    assert plant.orders("pump-01") == ["emergency_shutdown"]


def test_who_proposes_does_not_approve_and_two_can_be_asked_for(make: Make) -> None:
    def two(configuration):
        rules = tuple(replace(rule, approvals=2, callers=()) for rule in configuration.plant.policy.rules[3:4])
        policy = replace(configuration.plant.policy, rules=rules)
        return replace(configuration, plant=replace(configuration.plant, policy=policy))

    plant = make(change=two)
    asked = plant.propose("pump-01", STOP, ADA)
    with pytest.raises(NotAllowedError, match="who proposes"):
        plant.approve(asked, ADA)
    assert plant.approve(asked, BEN).stage is Stage.AWAITING_APPROVAL
    with pytest.raises(NotAllowedError, match="another operator"):
        plant.approve(asked, BEN)
    assert plant.orders("pump-01") == []
    assert plant.approve(asked, replace(ADA, name="cleo")).stage is Stage.DISPATCHED


def test_an_approval_does_not_outlive_the_plant_it_was_asked_for(make: Make) -> None:
    plant = make()
    asked = plant.propose("pump-01", REDUCE, reduction_pct=50.0)
    reduced = plant.propose("pump-01", REDUCE, ADA, reduction_pct=20.0)
    plant.live_until(lambda: plant.stage(reduced) is Stage.VERIFIED, 180)
    plant.pass_time()
    late = plant.approve(asked)
    assert late.stage is Stage.EXPIRED
    assert "has changed since the proposal" in late.reasons[0]
    assert plant.orders("pump-01") == ["reduce_load"]


def test_a_proposal_that_nobody_approves_expires(make: Make) -> None:
    plant = make()
    asked = plant.propose("pump-01", REDUCE, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(asked) is Stage.EXPIRED, 1_200)
    with pytest.raises(UnknownNameError):
        plant.plant.approve(asked.command.command_id, "x", ADA)
    assert plant.orders("pump-01") == []


def test_without_a_connection_nothing_is_sent_and_nothing_later(make: Make) -> None:
    plant = make()
    plant.bus.break_link()
    sent = plant.propose("pump-01", REDUCE, ADA, reduction_pct=50.0)
    eventually(lambda: plant.stage(sent) is Stage.FAILED)
    plant.bus.restore_link()
    assert any("nothing was sent" in reason for reason in plant.stored(sent).reasons)
    plant.pass_time(60)
    assert plant.orders("pump-01") == []


def test_answers_that_nobody_waits_for_change_nothing(make: Make) -> None:
    plant = make()
    plant.say("pump-01", "cmd-invented", "done")
    plant.say("motor-01", "cmd-invented", "done", topic_of="pump-01")
    assert plant.plant.health().rejected == {"device_mismatch": 1, "stray_answer": 1}
    assert plant.plant.device_status("pump-01").value.mode is Mode.NORMAL


def test_h11_whoever_approves_late_sees_the_device_as_it_is_beside_what_it_was(make: Make) -> None:
    plant = make()
    plant.pass_time(60)
    asked = plant.propose("pump-01", REDUCE, reduction_pct=50.0)
    (before,) = plant.plant.approvals().value
    plant.pass_time(600)
    answer = plant.plant.approvals()
    (view,) = answer.value
    assert (view.facts, view.digest) == (before.facts, before.digest)
    assert view.facts_now_at == answer.as_of == asked.command.proposed_at + 600
    assert view.facts_now[0] == view.facts[0] == "mode normal"
    assert view.facts_now != view.facts  # the values are others by now
    assert plant.approve(asked).stage is Stage.DISPATCHED


def signing(configuration: Configuration) -> Configuration:
    return replace(configuration, broker=configuration.broker.model_copy(update={"hmac_env": "WALK_KEY"}))


def test_v6_a_signed_answer_counts_once_it_repeats_what_it_was_asked(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALK_KEY", KEY.decode())
    plant = make(key=KEY, change=signing, tempers={"pump-01": Temper.IGNORES})
    done = plant.propose("pump-02", REDUCE, ADA, reduction_pct=50.0)
    lost = plant.propose("pump-01", REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(done) is Stage.VERIFIED, 180)
    plant.live_until(lambda: plant.stage(lost) is Stage.OUTCOME_UNKNOWN)
    plant.live_until(lambda: asked_mode(plant))
    nonce = asked_mode(plant)[-1]["nonce"]

    def answer(**said: object) -> None:
        content = {"command_id": "none", "device_id": "pump-01", "result": "unknown", "at": format_instant(plant.now)}
        plant.line.publish("aegisflow/acks/pump-01", json.dumps(sign({**content, "mode": "normal", **said}, KEY)))
        plant.settle()

    answer(nonce="0" * 32)
    answer()
    answer(nonce=nonce, at="1999-01-01T00:00:00Z")
    eventually(lambda: plant.plant.health().rejected == {"bad_nonce": 2, "stale_answer": 1})
    assert plant.plant.device_status("pump-01").value.mode is Mode.UNKNOWN
    answer(nonce=nonce)
    eventually(lambda: plant.plant.device_status("pump-01").value.mode is Mode.NORMAL)


def asked_mode(plant: Commanded) -> list[dict[str, str]]:
    """Return the questions to pump-01 that are about its mode only."""
    sent = [json.loads(one.payload) for one in plant.bus.published if one.topic == "aegisflow/commands/pump-01"]
    return [one for one in sent if one["command_id"] == "none"]


def test_v6_a_forged_answer_changes_no_mode_and_hides_no_alarm(make: Make) -> None:
    plant = make(faults=(Fault("thermal_runaway", "pump-01", 500),))
    forged = {"command_id": "none", "device_id": "pump-01", "result": "unknown", "mode": "maintenance"}
    for at in ("1999-01-01T00:00:00Z", format_instant(plant.now)):
        plant.line.publish("aegisflow/acks/pump-01", json.dumps({**forged, "at": at}))
    plant.settle()
    eventually(lambda: plant.plant.health().rejected == {"stray_answer": 2})
    plant.live_until(lambda: [one for one in plant.plant.active_alarms().value if one.device_id == "pump-01"], 3_600)
    assert {one.state.is_suppressed for one in plant.plant.active_alarms().value} == {False}
    assert plant.plant.device_status("pump-01").value.mode is Mode.NORMAL
    assert any(line.reason == "stray_answer" and line.count == 2 for line in plant.plant.refused().value)


def test_one_command_at_a_time_but_a_shutdown_overtakes(make: Make) -> None:
    plant = make(tempers={"pump-01": Temper.OBEYS})
    first = plant.propose("pump-01", CommandName.ENABLE_MAINTENANCE_MODE, ADA)
    plant.pass_time(10)
    second = plant.propose("pump-01", REDUCE, ADA, reduction_pct=50.0)
    assert second.stage is Stage.DENIED
    assert any("under way" in reason for reason in second.reasons)
    stop = plant.propose("pump-01", STOP, ADA)
    plant.live_until(lambda: plant.stage(stop) is Stage.VERIFIED, 120)
    # It depends on the threads whether the machine had answered the first before the shutdown overtook it.
    assert plant.stage(first) in (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)
    assert plant.orders("pump-01") == ["enable_maintenance_mode", "emergency_shutdown"]


def test_an_operator_stops_all_commands_of_agents_over_restarts(make: Make, tmp_path: Path) -> None:
    plant = make()
    with pytest.raises(NotAllowedError):
        plant.plant.stop_agents(AGENT, "because")
    plant.plant.stop_agents(ADA, "too many proposals")
    denied = plant.propose("pump-01", REDUCE, reduction_pct=50.0)
    assert denied.stage is Stage.DENIED
    assert any("too many proposals" in reason for reason in denied.reasons)
    plant.app.stop()
    again = make()
    assert not again.plant.agent_writes().allowed
    assert again.propose("pump-01", REDUCE, reduction_pct=50.0).stage is Stage.DENIED
    again.plant.resume_agents(ADA, "settled")
    assert again.propose("pump-01", REDUCE, reduction_pct=50.0).stage is Stage.AWAITING_APPROVAL


def test_an_agent_alone_may_only_do_the_mildest_on_a_mild_alarm_and_nothing_while_sensors_drift(make: Make) -> None:
    plant = make(faults=(Fault("sensor_drift", "motor-01", 500.0, 6.0),))
    plant.live_until(lambda: plant.plant.active_alarms(("motor-01",)).value, 3_000)
    (alarm,) = plant.plant.active_alarms(("motor-01",)).value
    denied = plant.propose("motor-01", REDUCE, reduction_pct=20.0)
    assert denied.stage is Stage.DENIED
    assert any(alarm.fault_type in reason for reason in denied.reasons)


def test_h12_an_operator_says_how_the_machine_is_that_did_not_answer(make: Make) -> None:
    plant = make(tempers={"pump-01": Temper.IGNORES})
    lost = plant.propose("pump-01", CommandName.ENABLE_MAINTENANCE_MODE, ADA)
    with pytest.raises(ConflictError, match="is under way"):
        plant.plant.state_mode("pump-01", Mode.MAINTENANCE, 0.0, ADA, "I stand at it")
    plant.live_until(lambda: plant.stage(lost) is Stage.OUTCOME_UNKNOWN, 180)
    assert plant.plant.device_status("pump-01").value.mode is Mode.UNKNOWN
    plant.plant.state_mode("pump-01", Mode.MAINTENANCE, 0.0, ADA, "I stand at it")
    before = len(plant.bus.published)
    plant.pass_time(300)
    assert plant.plant.device_status("pump-01").value.mode is Mode.MAINTENANCE
    assert len(plant.bus.published) == before
    ended = plant.propose("pump-01", CommandName.END_MAINTENANCE, ADA)
    assert ended.stage is Stage.DISPATCHED  # the guard knows the mode, too
