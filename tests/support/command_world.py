"""Authorizer, devices, store and messages between them, without actors: what may happen, and what never may."""

from dataclasses import replace
from itertools import count

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.execution import Ack, Progress
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.commands.model import FOLLOWS, Command, CommandName, CommandRecord, DeviceView, Mode, Stage
from aegisflow.domain.commands.policy_spec import DEFAULT_RULES, Rate
from aegisflow.domain.commands.state_machine import KNOWN_S
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, Limits, ParameterSpec, PlantSpec
from aegisflow.domain.readings import Reading
from tests.support.command_bench import plant
from tests.support.samples import reading

DEVICES = ("pump-01", "pump-02", "motor-01")
FULL, HALF, IDLE = 20.0, 12.0, 0.2
RULES = tuple(replace(rule, approvals=2) if rule.name == "interventions" else rule for rule in DEFAULT_RULES)


def world_plant(**policy: object) -> PlantSpec:
    made = plant(*DEVICES, **{"rules": RULES, "line_reduction_pct": 260.0, "device_rate": Rate(9, 3600.0), **policy})
    return replace(made, devices={name: _with_recovery(spec) for name, spec in made.devices.items()})


def _with_recovery(spec: DeviceSpec) -> DeviceSpec:
    return replace(
        spec,
        sensors={"power": replace(spec.sensors["power"], normal=Limits(18.0, 25.0))},
        recovery={"power": Recovery(None, 5.0, 20.0)},
        parameters={"speed": ParameterSpec("speed", "kW", Limits(0.0, 50.0), sensor="power")},
    )


class World:
    """Each method is something that can happen. What never may is asserted as it happens."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.whole = self.plant = world_plant()
        self.gone: dict[str, Device] = {}
        self.authorizer = CommandAuthorizer(self.plant)
        self.ids = count()
        self.disk: dict[str, CommandRecord] = {}
        self.stages: dict[str, list[str]] = {}
        self.storing: dict[str, Transition] = {}
        self.orders: list[tuple[CommandRecord, bool]] = []
        """What the guard told devices to execute; True for a message that came before."""
        self.ordered: list[CommandRecord] = []
        """Every order that a device was ever told, oldest first."""
        self.told: list[Progress] = []
        self.published: dict[str, float] = {}
        self.never_sent: set[str] = set()
        """Commands of which a device said that nothing was sent."""
        self.agreed: dict[str, set[str]] = {}
        """Command to the operators whose agreement is stored: the right digest, by the right people, in time."""
        self.agreeing: dict[str, str] = {}
        """Command to the operator whose agreement is on its way to the store."""
        self.acked: set[str] = set()
        self.sent_at: dict[str, float] = {}
        self.shown: dict[str, list[tuple[float, float]]] = {name: [] for name in DEVICES}
        self.past: dict[str, list[Reading]] = {name: [] for name in DEVICES}
        self.severity: dict[str, Severity | None] = dict.fromkeys(DEVICES, Severity.LOW)
        self.connected = True
        self.devices = {name: Device(self.plant.devices[name]) for name in DEVICES}
        for name in DEVICES:
            self.devices[name].recall((), (), Mode.NORMAL)
        for index in range(24):
            self.now += 5.0
            for name in DEVICES:
                self._record(name, FULL + 0.1 * (index % 5 - 2))

    # --- people, agents and the guard -------------------------------------------------------------

    def view(self, device_id: str) -> DeviceView:
        told = self.devices[device_id].view(self.now)
        return replace(told, severity=self.severity[device_id], fault_types=())

    def propose(self, device_id: str, name: CommandName, by: Caller, amount: float, answers: bool = True) -> str:
        parameters: dict[str, str | float] = {}
        if name is CommandName.REDUCE_LOAD:
            parameters = {"reduction_pct": amount}
        elif name is CommandName.SET_PARAMETER:
            parameters = {"name": "speed", "value": amount}
        command = Command(f"cmd-{next(self.ids)}", device_id, name, parameters, by, "words", self.now)
        step = self.authorizer.propose(command, self.view(device_id) if answers else None, self.now)
        if step.after.stage is Stage.DISPATCHED:
            self._check_allowed_alone(step.after)
        self._save(step)
        return command.command_id

    def approve(self, record: CommandRecord, digest: str, by: Caller, answers: bool = True) -> None:
        command = record.command
        if command.command_id in self.storing:
            return
        before = self.authorizer.commands.open[command.command_id]
        device = self.view(command.device_id) if answers and command.device_id in self.devices else None
        step = self.authorizer.approve(command.command_id, digest, by, device, self.now)
        if step.after.stage in (Stage.DISPATCHED, Stage.AWAITING_APPROVAL):
            assert by.is_operator
            assert digest == before.digest
            assert by.name != command.proposed_by.name
            assert before.receipt.expires_at is not None
            assert self.now < before.receipt.expires_at
            assert device is not None
            assert device.version == before.state_version == step.after.state_version
            agreed = self.agreed.setdefault(command.command_id, set())
            assert by.name not in agreed or before.approved_by.count(by.name) == 0
            self.agreeing[command.command_id] = by.name
        if step.after.stage is Stage.DISPATCHED:
            agents = not command.proposed_by.is_operator
            assert self.authorizer.commands.agents.allowed or not agents
            serious = command.command in (
                CommandName.SET_PARAMETER,
                CommandName.ENABLE_MAINTENANCE_MODE,
                CommandName.EMERGENCY_SHUTDOWN,
            )
            assert len(self.agreed[command.command_id] | {by.name}) >= (2 if agents and serious else 1)
        self._save(step)

    def reject(self, record: CommandRecord, by: Caller) -> None:
        if record.command.command_id not in self.storing:
            self._save(self.authorizer.reject(record.command.command_id, by, "no", self.now))

    def _check_allowed_alone(self, record: CommandRecord) -> None:
        command = record.command
        if command.proposed_by.is_operator:
            return
        device = self.view(command.device_id)
        assert self.authorizer.commands.agents.allowed
        assert command.command is CommandName.REDUCE_LOAD
        assert command.reduction_pct <= 30.0
        assert self.severity[command.device_id] in (Severity.LOW, Severity.MEDIUM)
        assert not device.silent
        assert not device.stale
        assert not device.open_command

    def _save(self, step: Transition | None) -> None:
        if step is None:
            return
        command_id = step.after.command.command_id
        assert command_id not in self.storing
        self.authorizer.commands.reserve(step)
        self.storing[command_id] = step

    def store(self, command_id: str) -> None:
        """Have a step that waits for the store stored."""
        step, agreeing = self.storing.pop(command_id), self.agreeing.pop(command_id, None)
        record = step.after
        if self.disk.get(command_id) != step.before:
            self.authorizer.commands.release(step)
            self.restart_guard(keep=True)
            return
        self._check_rows(step)
        self.disk[command_id] = record
        if agreeing is not None:
            self.agreed[command_id].add(agreeing)
        self.authorizer.commands.apply(step)
        if record.stage is Stage.DISPATCHED:
            self.sent_at[command_id] = record.stage_at
            self.orders.append((record, False))
            for other in self.authorizer.superseded(record, self.now):
                if other.after.command.command_id not in self.storing:
                    self._save(other)
        if record.stage is Stage.VERIFIED:
            self._check_proof(record)

    def settle(self, doubled: bool = False) -> None:
        """Let every message arrive, as on a good day; orders stay on their way to come once more, if ``doubled``."""
        again: list[tuple[CommandRecord, bool]] = []
        while self.storing or self.orders or self.told:
            for command_id in list(self.storing):
                if command_id in self.storing:
                    self.store(command_id)
            while self.orders:
                again += [(self.orders[0][0], True)] if doubled else []
                self.execute(0, False)
            while self.told and self.told[0].command_id not in self.storing:
                self.hear(0, False, False)
        self.orders = again[-2:]

    def fail_to_store(self, command_id: str) -> None:
        self.authorizer.commands.release(self.storing.pop(command_id))
        self.agreeing.pop(command_id, None)

    def _check_rows(self, step: Transition) -> None:
        """Every stage leaves one row, and every step is a legal one."""
        stages = self.stages.setdefault(step.after.command.command_id, [])
        for entry in step.audit:
            act = entry.act.removeprefix("command_")
            if act == "approval_given":
                assert step.after.stage is Stage.AWAITING_APPROVAL
                continue
            assert act not in stages
            assert Stage(act) in FOLLOWS[Stage(stages[-1])] if stages else act == Stage.PROPOSED
            stages.append(act)
        assert stages[-1] == step.after.stage

    def _check_proof(self, record: CommandRecord) -> None:
        command_id, expected = record.command.command_id, record.expectation
        assert command_id in self.published
        assert command_id in self.acked
        assert expected is not None
        values = [value for at, value in self.shown[record.command.device_id] if at > self.sent_at[command_id]]
        size = expected.readings
        means = [sum(values[first : first + size]) / size for first in range(len(values) - size + 1)]
        low = float("-inf") if expected.low is None else expected.low - 1e-9
        high = float("inf") if expected.high is None else expected.high + 1e-9
        assert any(low <= mean <= high for mean in means)

    def restart_guard(self, keep: bool = False) -> None:
        """Begin with what the store knows; what was on its way to it is lost, or what its answer would be."""
        if self.storing and keep:
            return
        self.storing.clear()
        self.agreeing.clear()
        agents, self.authorizer = self.authorizer.commands.agents, CommandAuthorizer(self.plant)
        self.authorizer.commands.agents = agents
        left = [record for record in self.disk.values() if not record.stage.is_final]
        sent = [(at, self.disk[name].command.device_id) for name, at in self.sent_at.items() if self._is_agents(name)]
        self.authorizer.commands.recall(left, sent)
        for name, device in self.devices.items():
            self.authorizer.commands.modes[name] = (device.mode, device.command_state.reduction_pct)

    def _is_agents(self, command_id: str) -> bool:
        return not self.disk[command_id].command.proposed_by.is_operator

    def hear(self, index: int, lost: bool, doubled: bool) -> None:
        """Let what a device told reach the guard, or not."""
        progress = self.told[index] if doubled else self.told.pop(index)
        if not lost and progress.command_id not in self.storing:
            self._save(self.authorizer.progress(progress))

    # --- devices ----------------------------------------------------------------------------------

    def execute(self, index: int, doubled: bool) -> None:
        """Let an order reach its device, which has it published."""
        record, _ = self.orders[index] if doubled else self.orders.pop(index)
        if doubled:
            self.orders[index] = (record, True)
        if record.command.device_id in self.gone:
            return
        self.ordered.append(record)
        self.tell_order(record)

    def tell_order(self, record: CommandRecord) -> None:
        """Tell a device an order, for the first time or again; it may be over by now."""
        if record.command.device_id in self.gone:
            return
        device, command = self.devices[record.command.device_id], record.command
        version = device.command_state.version
        begun = device.begin(record, self.now)
        self._tell(command.device_id, begun.ended)
        if not begun.publish:
            return
        assert device.command_state.open_command == command.command_id
        assert version == record.state_version
        if record.send_by is None or self.now >= record.send_by or not self.connected:
            ended = device.command_state.not_sent(command.command_id, "no connection", self.now)
            self._tell(command.device_id, () if ended is None else (ended,))
            return
        self._publish(record)

    def _publish(self, record: CommandRecord) -> None:
        command = record.command
        assert command.command_id not in self.published, "published twice"
        assert command.command_id not in self.never_sent, "published after somebody was told that nothing was sent"
        assert record.send_by is not None
        assert self.now < record.send_by
        assert self.stages[command.command_id][:3] != []
        assert Stage.DISPATCHED in self.stages[command.command_id], "published before it was stored"
        if "awaiting_approval" in self.stages[command.command_id]:
            assert set(record.approved_by) == self.agreed[command.command_id]
            assert record.approvals_needed <= len(record.approved_by)
        self.published[command.command_id] = self.now

    def ack(self, device_id: str, command_id: str, result: str, mode: Mode | None) -> None:
        """Let a machine answer; of what never came to it, it knows nothing."""
        device = self.devices[device_id]
        if result in ("accepted", "done") and command_id in self.disk and command_id not in self.published:
            result = "unknown"
        if device.command_state.open_command == command_id and result in ("accepted", "done"):
            self.acked.add(command_id)
        self._tell(device_id, device.acknowledged(Ack(command_id, device_id, result, "", self.now, mode), self.now)[0])
        self.watch(device_id)

    def read(self, device_id: str, value: float) -> None:
        self.now += 5.0
        self._record(device_id, value)
        self.watch(device_id)

    def _record(self, device_id: str, value: float) -> None:
        taken = reading(self.now, {"power": value}, device_id)
        self.devices[device_id].record(taken)
        self.past[device_id].append(taken)
        self.shown[device_id].append((self.now, value))

    def watch(self, device_id: str) -> None:
        self._tell(device_id, self.devices[device_id].watch(self.now)[0])
        self.devices[device_id].command_state.question(self.now, self.plant.policy.answer_within_s)

    def _tell(self, device_id: str, several: tuple[Progress, ...]) -> None:
        self.told += several
        for progress in several:
            if progress.stage is Stage.FAILED and progress.reasons[-1].endswith("nothing was sent"):
                assert progress.command_id not in self.published, "said that nothing was sent, and it was"
                self.never_sent.add(progress.command_id)
        command_state = self.devices[device_id].command_state
        self.authorizer.commands.modes[device_id] = (command_state.mode, command_state.reduction_pct)

    def pass_time(self, seconds: float, guard_looks: bool = True) -> None:
        self.now += seconds
        for name in self.devices:
            self.watch(name)
        for step in self.authorizer.due(self.now) if guard_looks else ():
            if step.after.command.command_id not in self.storing:
                self._save(step)

    def leave(self, device_id: str) -> None:
        """Take a device out of the plant, whatever is under way: what is told to it from now on is lost."""
        self.gone[device_id] = self.devices.pop(device_id)
        self._replace()

    def come_back(self, device_id: str, knows_mode: bool) -> None:
        """Put it back; its machine has worked on meanwhile."""
        self.devices[device_id] = self.gone.pop(device_id)
        self._replace()
        self.orders = [one for one in self.orders if one[0].command.device_id != device_id]
        self.restart_device(device_id, knows_mode)

    def restart_device(self, device_id: str, knows_mode: bool) -> None:
        """Begin with what the store knows; what waited in its inbox still comes."""
        old = self.devices[device_id].command_state
        self.devices[device_id] = device = Device(self.plant.devices[device_id])
        left = [
            record
            for record in self.disk.values()
            if record.command.device_id == device_id and record.stage.is_under_way
        ]
        mode, reduction = (old.mode, old.reduction_pct) if knows_mode else (Mode.UNKNOWN, 0.0)
        device.recall(
            self.past[device_id][-60:],
            (),
            mode,
            reduction,
            left[-1] if left else None,
            full_load=old.full_load,
            dispatched=self.dispatched_to(device_id),
        )

    def dispatched_to(self, device_id: str) -> dict[str, float]:
        """Return command id to expiry of what the store has as dispatched to a device lately."""
        since = self.now - KNOWN_S
        return {
            command_id: record.send_by
            for command_id, record in self.disk.items()
            if record.command.device_id == device_id and record.send_by is not None and record.send_by > since
        }

    def replace_plant(self, **policy: object) -> None:
        """Change policy, or the devices themselves (``silent_after_s``), while everything goes on."""
        silent_after_s = policy.pop("silent_after_s", None)
        self.whole = world_plant(**policy)
        if silent_after_s is not None:
            specs = {
                name: replace(spec, silent_after_s=float(str(silent_after_s)))
                for name, spec in self.whole.devices.items()
            }
            self.whole = replace(self.whole, devices=specs)
        self._replace()
        for name, device in self.devices.items():
            device.reconfigure(self.plant.devices[name], self.now)

    def _replace(self) -> None:
        """Have the guard take the plant as it is now, without the devices that are gone."""
        present = {name: spec for name, spec in self.whole.devices.items() if name in self.devices}
        lines = {
            name: replace(line, devices=tuple(one for one in line.devices if one in present))
            for name, line in self.whole.lines.items()
        }
        self.plant = replace(self.whole, devices=present, lines=lines)
        self.authorizer.commands.replace_plant(self.plant)
