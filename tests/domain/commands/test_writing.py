"""Commands by a template: what is published is what was judged and approved, and only readings call it done."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.commands.execution import Ack, Execution, Progress
from aegisflow.domain.commands.interlocks import interlocks
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.commands.policy import PlantView, decide
from aegisflow.domain.commands.policy_spec import PolicyRule, PolicySpec, Verdict
from aegisflow.domain.commands.state_machine import CommandStateMachine
from aegisflow.domain.commands.transition import digest_of
from aegisflow.domain.commands.writing import AnswerSpec, MachineSaid, OrderSpec, WritingSpec, WrittenCommand, fill
from aegisflow.domain.openings import device_openings
from aegisflow.domain.times import format_instant
from tests.support.command_bench import (
    ADA,
    LESS_POWER,
    NOW,
    REDUCE,
    RESTART,
    SET,
    STOP,
    command,
    make_authorizer,
    powered,
    sent,
    store,
    view,
)

ECHO = AnswerSpec("stat/p", result=("POWER",), done=("OFF",), refused=("Unknown",))
BY_ID = AnswerSpec("a/rpc", command_id=("id",), accepted=("*",), refused=("no",), value=("v",))
OFF = OrderSpec("cmnd/p", "OFF", "text", answer=ECHO)
LOAD = OrderSpec("p/set", {"level": "{load_pct}", "id": "{command_id}", "until": "{expires_at}", "s": "{expires_s}"})
SPEED = OrderSpec("p/set/{parameter}", {"v": "{value}"}, scale=2.54, decimals=0, answer=BY_ID)
WRITING = WritingSpec({"emergency_shutdown": OFF, "reduce_load": LOAD, "set_parameter.speed": SPEED})
SILENT = WritingSpec({"reduce_load": OrderSpec("p/set", {"level": "{load_pct}"})})
OPEN = PolicySpec((PolicyRule("all", Verdict.ALLOW),))


def written(spec: WritingSpec, name: CommandName, /, **parameters: Any) -> WrittenCommand:
    return spec.write("cmd-1", name, parameters)


# --- what is written ----------------------------------------------------------------------------


def test_values_keep_their_types_and_times_are_filled_as_it_is_sent() -> None:
    one = written(WRITING, REDUCE, reduction_pct=37.5)
    assert one.payload == '{"level":62.5,"id":"cmd-1","until":"{expires_at}","s":"{expires_s}"}'
    assert json.loads(one.text(NOW, NOW + 30.0)) == {
        "level": 62.5,
        "id": "cmd-1",
        "until": format_instant(NOW + 30.0),
        "s": 1_000_030,
    }
    assert one.knows_expiry
    assert not written(WRITING, STOP).knows_expiry
    assert written(WRITING, SET, name="speed", value=50.0).payload == '{"v":127}'
    assert written(WRITING, SET, name="speed", value=50.0).topic == "p/set/speed"


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_nothing_that_is_filled_in_changes_the_form_of_a_document(word: str, number: float) -> None:
    tree = {"a": "{word}", "b": ["x {word} y", "{number}"], "c": {"{word}": True}}
    filled = json.loads(json.dumps(fill(tree, {"word": word, "number": number})))
    assert filled == {"a": word, "b": [f"x {word} y", number], "c": {word: True}}


@pytest.mark.parametrize(
    ("datatype", "value", "fits"),
    [
        ("UInt8", 255.0, True),
        ("UInt8", 256.0, False),
        ("UInt8", -1.0, False),
        ("Int8", -128.0, True),
        ("Int16", 0.5, False),
        ("Double", 0.5, True),
        ("Boolean", 1.0, False),
        ("Float", 1e39, False),
        ("String", 1.0, False),
    ],
)
def test_a_value_that_is_none_of_its_data_type_is_denied_before_anybody_is_asked(
    datatype: str, value: float, fits: bool
) -> None:
    order = OrderSpec("t", "{value}", "sparkplug_b", metric="M", datatype=datatype)
    device = view(writing=WritingSpec({"set_parameter": order}))
    decision = decide(command(SET, ADA, name="speed", value=value), device, PlantView(), OPEN)
    assert (decision.verdict is Verdict.ALLOW) is fits
    assert fits or "cannot be written to the machine" in decision.reasons[0]


def test_a_command_without_a_template_is_denied_with_that_reason() -> None:
    device = view(writing=WRITING, mode=Mode.SHUTDOWN)
    decision = decide(command(RESTART, ADA), device, PlantView(), OPEN)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons[0].startswith("plant.yaml does not say how restart is written")
    other = decide(command(SET, ADA, name="flow", value=1.0), view(writing=WRITING), PlantView(), OPEN)
    assert other.reasons[0].startswith("plant.yaml does not say how set_parameter of flow is written")


def test_what_may_act_on_it_much_later_is_not_written_while_it_is_silent() -> None:
    device = view(writing=WRITING, silent=True)
    for name, parameters, late in ((STOP, {}, True), (REDUCE, {"reduction_pct": 30.0}, False)):
        one = command(name, ADA, **parameters)
        against = interlocks(one, device, judged="v1", send_by=NOW + 30.0, at=NOW)
        assert any("does not say when it expires" in reason for reason in against) is late
        denied = decide(one, device, PlantView(), OPEN).reasons
        assert any("does not say when it expires" in reason for reason in denied) is late
    assert interlocks(command(STOP, ADA), view(silent=True), judged="v1", send_by=NOW + 30.0, at=NOW) == ()


# --- what is approved ---------------------------------------------------------------------------


def test_an_approval_is_bound_to_topic_payload_format_and_qos() -> None:
    one = command(STOP)
    published = WrittenCommand("t", "OFF", "text", 1)
    digests = {digest_of(one, "v1", NOW), digest_of(one, "v1", NOW, published)}
    for change in ({"topic": "u"}, {"payload": "ON"}, {"format": "json"}, {"qos": 0}):
        digests.add(digest_of(one, "v1", NOW, replace(published, **change)))
    assert len(digests) == 6


def test_what_is_approved_is_shown_audited_and_kept_with_the_command() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("ask", Verdict.ASK),))
    device = view(writing=WRITING)
    waiting = store(authorizer, authorizer.propose(command(STOP), device, NOW))
    assert waiting.stage is Stage.AWAITING_APPROVAL
    assert waiting.facts[0] == ("writes to cmnd/p: OFF (QoS 1, not retained, the machine cannot know when it expires)")
    assert waiting.written == WrittenCommand("cmnd/p", "OFF", "text", 1, answers=True)
    assert waiting.digest == digest_of(waiting.command, "v1", waiting.receipt.expires_at or 0.0, waiting.written)
    step = authorizer.approve(waiting.command.command_id, waiting.digest, ADA, device, NOW + 1.0)
    assert step.after.written == waiting.written
    assert step.audit[-1].detail["writes"] == {"topic": "cmnd/p", "payload": "OFF", "qos": 1}


def test_another_template_is_an_opening_and_another_state() -> None:
    before = powered("pump-01")
    for old, new in ((None, WRITING), (WRITING, SILENT), (WRITING, None), (WRITING, replace(WRITING, others=True))):
        was, becomes = replace(before, writing=old), replace(before, writing=new)
        assert list(device_openings(was, becomes))
        assert CommandStateMachine(was).version != CommandStateMachine(becomes).version
    assert list(device_openings(replace(before, writing=WRITING), replace(before, writing=WRITING))) == []


# --- what proves it -----------------------------------------------------------------------------


def run(spec: WritingSpec, **changes: Any) -> Execution:
    record = sent(REDUCE, reduction_pct=30.0, **changes)
    return Execution(replace(record, written=spec.write("cmd-1", REDUCE, {"reduction_pct": 30.0})))


def show(execution: Execution, *values: float, start: float = NOW + 5.0) -> None:
    for index, value in enumerate(values):
        execution.observe(start + index, {"power": value})


def stage(progress: Progress | None) -> Stage | None:
    return None if progress is None else progress.stage


def test_of_a_machine_that_answers_nothing_readings_that_change_are_the_proof() -> None:
    execution = run(SILENT)
    assert not execution.wants_readback(NOW + 31.0, 10.0)
    assert execution.verdict(NOW + 100.0) is None
    show(execution, 12.0, 12.0, 12.0)
    ended = execution.verdict(NOW + 20.0)
    assert stage(ended) is Stage.VERIFIED


@pytest.mark.parametrize(
    ("expects", "values"),
    [
        (LESS_POWER, ()),
        (LESS_POWER, (20.0, 20.0, 20.0)),
        (replace(LESS_POWER, before=12.0), (12.0, 12.0, 12.0)),
        (replace(LESS_POWER, before=None), (12.0, 12.0, 12.0)),
        (None, (12.0, 12.0, 12.0)),
    ],
)
def test_what_was_only_published_is_never_called_done(expects: Any, values: tuple[float, ...]) -> None:
    execution = run(SILENT, expects=expects)
    show(execution, *values)
    assert execution.verdict(NOW + 29.0) is None
    ended = execution.verdict(NOW + 30.0 + 240.0)
    assert stage(ended) is Stage.OUTCOME_UNKNOWN
    assert ended is not None
    assert "it was published, which is all that is certain" in ended.reasons[0]


def test_one_that_answers_must_answer_and_is_not_asked_what_it_would_not_understand() -> None:
    answering = replace(WRITING, orders={"reduce_load": replace(LOAD, answer=BY_ID)})
    execution = run(answering)
    show(execution, 12.0, 12.0, 12.0)
    assert execution.verdict(NOW + 20.0) is None
    assert not execution.wants_readback(NOW + 30.0, 10.0)
    ended = execution.verdict(NOW + 40.0)
    assert (stage(ended), ended and ended.reasons) == (Stage.OUTCOME_UNKNOWN, ("the machine did not answer",))


@pytest.mark.parametrize(("spec", "taken"), [(SILENT, True), (None, False), (WRITING, False)])
def test_the_guard_takes_a_proof_without_an_answer_of_no_other_machine(spec: WritingSpec | None, taken: bool) -> None:
    authorizer = make_authorizer(rules=(PolicyRule("all", Verdict.ALLOW),))
    answering = WritingSpec({"reduce_load": replace(LOAD, answer=BY_ID)}) if spec is WRITING else spec
    record = store(authorizer, authorizer.propose(command(REDUCE, reduction_pct=30.0), view(writing=answering), NOW))
    step = authorizer.progress(Progress(record.command.command_id, Stage.VERIFIED, NOW + 5.0, ("seen",)))
    assert (step is not None) is taken


# --- what it answers ----------------------------------------------------------------------------


def answer_to(spec: WritingSpec, name: CommandName, said: MachineSaid, /, **parameters: Any) -> Ack | None:
    """Return what a device under this command makes of what its machine says."""
    device = replace(powered("pump-01"), writing=spec)
    state = CommandStateMachine(device)
    record = replace(sent(name, **parameters), state_version="")
    record = replace(record, written=spec.write(record.command.command_id, name, parameters))
    state.recall(Mode.NORMAL, 0.0, record)
    if said.command_id == "ours":
        said = replace(said, command_id=record.command.command_id)
    return state.answer(said, NOW + 1.0)


@pytest.mark.parametrize(
    ("result", "becomes"), [("OFF", "done"), ("Unknown", "refused"), ("ON", None), ("off", None), (0, None)]
)
def test_its_own_words_say_what_became_of_it(result: object, becomes: str | None) -> None:
    ack = answer_to(WRITING, STOP, MachineSaid("pump-01", "", result, "", None, ECHO.where))
    assert (ack and ack.result) == becomes
    assert ack is None or ack.detail == "it names no command"


def test_where_others_write_too_a_refusal_without_an_id_proves_no_refusal() -> None:
    ack = answer_to(replace(WRITING, others=True), STOP, MachineSaid("pump-01", "", "Unknown", "", None, ECHO.where))
    assert ack is not None
    assert ack.result == "interrupted"


@pytest.mark.parametrize(("command_id", "result", "becomes"), [("ours", 1, "accepted"), ("ours", "no", "refused")])
def test_an_answer_with_an_id_is_that_to_this_command_alone(command_id: str, result: object, becomes: str) -> None:
    said = MachineSaid("pump-01", command_id, result, "", None, BY_ID.where)
    parameters: dict[str, Any] = {"name": "speed", "value": 50.0}
    ack = answer_to(WRITING, SET, said, **parameters)
    assert ack is not None
    assert ack.result == becomes
    for other in ("", "cmd-other"):
        assert answer_to(WRITING, SET, replace(said, command_id=other), **parameters) is None
    assert answer_to(WRITING, SET, replace(said, where=ECHO.where), **parameters) is None


@pytest.mark.parametrize(("has", "means"), [(127, 50.0), (127.05, 50.0), (64, 64 / 2.54), (True, None), ("x", None)])
def test_the_set_point_that_it_says_it_has_is_compared_as_the_machine_counts(has: object, means: float | None) -> None:
    said = MachineSaid("pump-01", "ours", "ok", "", has, BY_ID.where)
    ack = answer_to(WRITING, SET, said, name="speed", value=50.0)
    assert ack is not None
    assert ack.parameters == ({} if means is None else {"speed": pytest.approx(means)})
