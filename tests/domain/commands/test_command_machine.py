"""Anything in any order, for 5,000 steps every day and 200,000 in the long run."""

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.model import AgentWrites, CommandName, CommandRecord, Mode, Stage
from aegisflow.errors import AegisFlowError
from tests.support.command_bench import ADA, AGENT, BEN, CLEO
from tests.support.command_world import DEVICES, FULL, HALF, IDLE, World
from tests.support.sizes import MACHINE_STEPS

IN_A_ROW = 100
LONGEST_EFFECT_S = 900.0
"""What the slowest command, a planned stop, may take to be seen."""
PEOPLE = (ADA, BEN, CLEO)
REFUSED = (AegisFlowError,)

device_ids = st.integers(0, len(DEVICES) - 1)
"""Which of the devices that the plant has just then."""
callers = st.sampled_from((AGENT, AGENT, AGENT, *PEOPLE))
amounts = st.sampled_from((20.0, 25.0, 30.0, 50.0, 80.0))
places = st.integers(0, 1_000)
mostly = st.sampled_from((True, True, True, False))


class Commands(RuleBasedStateMachine):
    """People, agents, machines, stores and wires, each as bad as it gets."""

    steps = 0
    seen: dict[str, int] = {}  # noqa: RUF012 - counts over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def waiting(self) -> list[CommandRecord]:
        return [one for one in self.world.authorizer.commands.open.values() if one.stage is Stage.AWAITING_APPROVAL]

    def present(self, place: int) -> str:
        """Return a device of the plant as it is now."""
        names = list(self.world.devices)
        return names[place % len(names)]

    # --- agents and people ------------------------------------------------------------------------

    @rule(
        device_id=device_ids,
        name=st.sampled_from(CommandName),
        by=callers,
        amount=amounts,
        at_once=mostly,
        doubled=st.booleans(),
    )
    def propose(self, device_id, name, by, amount, at_once, doubled):
        command_id = self.world.propose(self.present(device_id), name, by, amount)
        if at_once:
            self.world.store(command_id)
            self.world.settle(doubled)

    @rule(device_id=device_ids, by=callers)
    def propose_to_a_device_that_does_not_answer(self, device_id, by):
        self.world.propose(self.present(device_id), CommandName.EMERGENCY_SHUTDOWN, by, 20.0, answers=False)

    @precondition(lambda self: self.waiting())
    @rule(place=places, by=st.sampled_from(PEOPLE), answers=mostly, at_once=mostly)
    def approve(self, place, by, answers, at_once):
        waiting = self.waiting()
        record = waiting[place % len(waiting)]
        with contextlib.suppress(*REFUSED):
            self.world.approve(record, record.digest, by, answers)
        if at_once:
            self.world.settle()

    @precondition(lambda self: self.waiting())
    @rule(place=places, by=st.sampled_from((AGENT, *PEOPLE)), other=places)
    def approve_something_else(self, place, by, other):
        waiting = self.waiting()
        digest = waiting[other % len(waiting)].digest if other % 2 else "0" * 64
        with contextlib.suppress(*REFUSED):
            self.world.approve(waiting[place % len(waiting)], digest, by)

    @precondition(lambda self: self.waiting())
    @rule(place=places, by=st.sampled_from((AGENT, ADA)))
    def reject(self, place, by):
        waiting = self.waiting()
        with contextlib.suppress(*REFUSED):
            self.world.reject(waiting[place % len(waiting)], by)

    @rule(allowed=mostly)
    def switch_agents(self, allowed):
        self.world.authorizer.commands.agents = AgentWrites(allowed, "ada", self.world.now, "")

    @rule(device_id=device_ids, severity=st.sampled_from((None, Severity.LOW, Severity.LOW, Severity.HIGH)))
    def alarm(self, device_id, severity):
        self.world.severity[self.present(device_id)] = severity

    # --- store and messages -----------------------------------------------------------------------

    @precondition(lambda self: self.world.storing)
    @rule(place=places, fails=st.sampled_from((False, False, False, True)))
    def store(self, place, fails):
        names = list(self.world.storing)
        (self.world.fail_to_store if fails else self.world.store)(names[place % len(names)])

    @precondition(lambda self: self.world.orders)
    @rule(place=places, doubled=st.booleans())
    def execute(self, place, doubled):
        self.world.execute(place % len(self.world.orders), doubled)

    @precondition(lambda self: self.world.ordered)
    @rule(place=places)
    def tell_an_order_again(self, place):
        """However long ago it was, and whatever has come of it and of others since."""
        self.world.tell_order(self.world.ordered[-1 - place % len(self.world.ordered)])

    @precondition(lambda self: self.world.told)
    @rule(place=places, fate=st.sampled_from(("arrives", "arrives", "arrives", "doubled", "lost")))
    def hear(self, place, fate):
        self.world.hear(place % len(self.world.told), fate == "lost", fate == "doubled")

    @rule(connected=mostly)
    def connect(self, connected):
        self.world.connected = connected

    # --- machines ---------------------------------------------------------------------------------

    @precondition(lambda self: any(device.command_state.open_command for device in self.world.devices.values()))
    @rule(
        place=places,
        result=st.sampled_from(("accepted", "done", "accepted", "refused", "unknown", "interrupted")),
        mode=st.sampled_from((None, Mode.NORMAL, Mode.SHUTDOWN)),
    )
    def answer(self, place, result, mode):
        busy = [name for name, device in self.world.devices.items() if device.command_state.open_command]
        name = busy[place % len(busy)]
        self.world.ack(name, self.world.devices[name].command_state.open_command, result, mode)

    @precondition(lambda self: any(device.command_state.open_command for device in self.world.devices.values()))
    @rule(place=places, readings=st.integers(2, 5), shows=mostly, gives_up=mostly)
    def obey(self, place, readings, shows, gives_up):
        """A machine that does what it was told and mostly shows it; else its device mostly gives it up."""
        busy = [name for name, device in self.world.devices.items() if device.command_state.open_command]
        name = busy[place % len(busy)]
        command_id = self.world.devices[name].command_state.open_command
        self.world.ack(name, command_id, "accepted", None)
        self.world.settle()
        expected = self.world.disk[command_id].expectation
        value = FULL if expected is None else (expected.high or expected.low or FULL) + (0.5 if expected.low else -0.5)
        for _ in range(readings):
            self.world.read(name, value if shows else FULL)
        if gives_up and not shows:
            self.world.pass_time(LONGEST_EFFECT_S)
        self.world.settle()

    @precondition(lambda self: any(device.command_state.open_command for device in self.world.devices.values()))
    @rule(gives_up=mostly)
    def stay_silent(self, gives_up):
        """Machines that do not answer a command and, mostly, not the question what became of it either."""
        self.world.pass_time(self.world.plant.policy.send_within_s)
        if gives_up:
            self.world.pass_time(self.world.plant.policy.answer_within_s)
        self.world.settle()

    @precondition(lambda self: any(device.mode is Mode.UNKNOWN for device in self.world.devices.values()))
    @rule(place=places, mode=st.sampled_from((Mode.NORMAL, Mode.NORMAL, Mode.REDUCED_LOAD, Mode.SHUTDOWN)))
    def tell_mode(self, place, mode):
        lost = [name for name, device in self.world.devices.items() if device.mode is Mode.UNKNOWN]
        self.world.ack(lost[place % len(lost)], "none", "unknown", mode)

    @rule(
        device_id=device_ids,
        place=places,
        result=st.sampled_from(("accepted", "done", "refused", "unknown", "interrupted")),
    )
    def answer_for_another_command(self, device_id, place, result):
        names = [*self.world.disk, "cmd-invented", "none"]
        self.world.ack(self.present(device_id), names[place % len(names)], result, Mode.NORMAL)

    @rule(device_id=device_ids, value=st.sampled_from((FULL, HALF, IDLE)), readings=st.integers(1, 4))
    def read(self, device_id, value, readings):
        for _ in range(readings):
            self.world.read(self.present(device_id), value)

    @rule(seconds=st.sampled_from((1.0, 5.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0)), looks=mostly)
    def pass_time(self, seconds, looks):
        self.world.pass_time(seconds, looks)

    @rule(device_id=device_ids, knows_mode=mostly)
    def restart_device(self, device_id, knows_mode):
        self.world.restart_device(self.present(device_id), knows_mode)

    @precondition(lambda self: len(self.world.devices) > 1)
    @rule(device_id=device_ids, leaves=st.sampled_from((False,) * 7 + (True,)))
    def leave(self, device_id, leaves):
        if leaves:
            self.world.leave(self.present(device_id))

    @precondition(lambda self: self.world.gone)
    @rule(place=places, knows_mode=mostly)
    def come_back(self, place, knows_mode):
        gone = list(self.world.gone)
        self.world.come_back(gone[place % len(gone)], knows_mode)

    @rule()
    def restart_guard(self):
        self.world.restart_guard()

    @rule(changed=st.sampled_from(({}, {}, {}, {"rules": ()}, {"line_reduction_pct": 60.0}, {"silent_after_s": 45.0})))
    def replace_plant(self, changed):
        self.world.replace_plant(**changed)

    # --- what is never true -----------------------------------------------------------------------

    @invariant()
    def memory_knows_no_more_than_the_store(self):
        Commands.steps += 1
        for command_id, record in self.world.authorizer.commands.open.items():
            assert self.world.disk[command_id] == record

    def teardown(self):
        for record in self.world.disk.values():
            Commands.seen[record.stage] = Commands.seen.get(record.stage, 0) + 1
        Commands.seen["published"] = Commands.seen.get("published", 0) + len(self.world.published)


@pytest.mark.timeout(900)
def test_whatever_happens_in_whatever_order_no_command_goes_wrong() -> None:
    Commands.steps, Commands.seen = 0, {}
    run_state_machine_as_test(
        Commands,
        settings=settings(
            max_examples=1 + MACHINE_STEPS * 5 // (4 * IN_A_ROW),
            stateful_step_count=IN_A_ROW,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(Commands.steps, Commands.seen)
    assert Commands.steps >= (MACHINE_STEPS if MACHINE_STEPS >= 100_000 else 0.7 * MACHINE_STEPS)
    if MACHINE_STEPS >= 20_000:  # all of it really happened
        assert {stage for stage, times in Commands.seen.items() if times} >= {*Stage} - {"proposed", "approved"}
