"""Mistakes that somebody could make in policy and guard; each must make a test fail (``test_mutants.py``).

As a pytest plugin (``-p tests.support.mutants``, with AEGISFLOW_MUTANT=<position in MUTANTS>) it has one of them loaded
instead of the source.
"""

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from tests.support.bounds_mutants import BOUNDS_MUTANTS, SIGNED_MUTANTS
from tests.support.identity_mutants import IDENTITY_MUTANTS
from tests.support.mutant import Mutant
from tests.support.places import ROOT
from tests.support.writing_mutants import WRITING_MUTANTS

POLICY, LOCKS, AUTHORIZER, OPEN_COMMANDS = (
    "domain/commands/policy.py",
    "domain/commands/interlocks.py",
    "domain/commands/authorizer.py",
    "domain/commands/open_commands.py",
)
STORE_LOCK = "store/lock.py"
REPORTS, INCIDENT = "store/incidents.py", "domain/incidents/model.py"
QUOTA = "domain/commands/quota.py"
EXECUTION, STATE_MACHINE, VERIFICATION = (
    "domain/commands/execution.py",
    "domain/commands/state_machine.py",
    "domain/commands/verification.py",
)
CALLERS, DEVICE = "domain/callers.py", "domain/device.py"
STEP, GUARD, TRANSITIONS = "domain/commands/transition.py", "actors/guard.py", "actors/transition_writer.py"
GATEWAY, DEVICE_ACTOR = "actors/gateway.py", "actors/device.py"
WRITER, RECALL = "store/writer.py", "store/recall.py"
CODEC, CLIENT, CONNECTION = "bus/codec.py", "bus/mqtt/client.py", "bus/mqtt/connection.py"
DELIVERIES, DISPATCHER = "bus/mqtt/deliveries.py", "actors/runtime/dispatcher.py"

MUTANTS = (
    *IDENTITY_MUTANTS,
    *BOUNDS_MUTANTS,
    *SIGNED_MUTANTS,
    *WRITING_MUTANTS,
    Mutant("who must sign need not", CODEC, "if device.must_sign and not signed:", "if False:"),
    Mutant("unsigned readings prove what signed ones do not", EXECUTION, "if self._signs and not signed:", "if False:"),
    Mutant("another epoch may write", STORE_LOCK, "if epoch != self._epoch:", "if False:"),
    Mutant("a lost lock is not noticed", STORE_LOCK, "        self._lock.prove(connection)\n", ""),
    Mutant(
        "how far it moves is not judged",
        POLICY,
        "*beyond(command, device, plant.bounds, plant.held)]",
        "]",
    ),
    Mutant(
        "how far it moves is not judged at the machine",
        STATE_MACHINE,
        "against += tuple(beyond(command, view, bounds_of(self._fingerprint[0]), {}))",
        "beyond(command, view, bounds_of(self._fingerprint[0]), {})",
    ),
    Mutant(
        "what was moved is forgotten at a restart",
        OPEN_COMMANDS,
        "        for record in changes:\n            self._note_change(record)\n",
        "",
    ),
    Mutant("what was moved counts without end", OPEN_COMMANDS, "(one.send_by or at) > at - HOUR_S}", "True}"),
    Mutant(
        "the store tells nothing of what was moved",
        RECALL,
        "        _moved(connection, since),\n",
        "        (),\n",
    ),
    Mutant(
        "allow beats ask",
        POLICY,
        "(Verdict.DENY, Verdict.ASK, Verdict.ALLOW)",
        "(Verdict.DENY, Verdict.ALLOW, Verdict.ASK)",
    ),
    Mutant(
        "ask beats deny",
        POLICY,
        "(Verdict.DENY, Verdict.ASK, Verdict.ALLOW)",
        "(Verdict.ASK, Verdict.DENY, Verdict.ALLOW)",
    ),
    Mutant(
        "silence means allow",
        POLICY,
        'return Decision(Verdict.DENY, ("no rule',
        'return Decision(Verdict.ALLOW, ("no rule',
    ),
    Mutant("operators' commands for all", POLICY, "command.command in FOR_OPERATORS and", "False and"),
    Mutant("kill switch ignored", POLICY, "if not plant.agents.allowed:", "if False:"),
    Mutant("switch in the file ignored", POLICY, "if not policy.agents_may_propose:", "if False:"),
    Mutant("one too many on a device", POLICY, "plant.device_commands >= policy", "plant.device_commands > policy"),
    Mutant("one too many in the plant", POLICY, "plant.plant_commands >= policy", "plant.plant_commands > policy"),
    Mutant("acts on doubtful alarms", POLICY, "if doubtful:", "if False:"),
    Mutant(
        "acts on shelved doubtful alarms",
        POLICY,
        "(*device.fault_types, *device.set_aside_types)",
        "device.fault_types",
    ),
    Mutant("allows more once an alarm is shelved", POLICY, "else (told, aside)", "else (told,)"),
    Mutant("acts on stale sensors", POLICY, "if device.silent or device.stale:", "if device.silent:"),
    Mutant("line's limit reached is passed", POLICY, "+ taken > policy.line", "+ taken >= policy.line"),
    Mutant("the last sibling stops", POLICY, "plant.others_running < least", "plant.others_running <= least - 2"),
    Mutant("a reduction at the bound", POLICY, "reduction <= rule.up_to_pct", "reduction < rule.up_to_pct"),
    Mutant("the fewest approvals", POLICY, "max(rule.approvals for", "min(rule.approvals for"),
    Mutant("only one command at a time forgotten", POLICY, "if device.open_command and", "if False and"),
    Mutant("expired by a moment", LOCKS, "if at >= send_by:", "if at > send_by:"),
    Mutant("another state executed", LOCKS, "if device.version != judged:", "if False:"),
    Mutant("silent device commanded", LOCKS, "if device.silent:", "if False:"),
    Mutant("restart without recovery", LOCKS, "if command.command in _STARTS:", "if False:"),
    Mutant("recovery without time", LOCKS, "if held < limit.for_s:", "if since is None:"),
    Mutant("recovery over a gap", LOCKS, "elif sensor not in since or not (", "elif sensor not in since or 0.0 > ("),
    Mutant("recovery while it runs", LOCKS, "if mode.is_running:", "if False:"),
    Mutant(
        "agents approve",
        AUTHORIZER,
        'require_operator(by, Right.APPROVE, "approve", on=self.commands.plant.line_of(command.device_id))',
        "pass",
    ),
    Mutant(
        "agents reject",
        AUTHORIZER,
        'require_operator(by, Right.APPROVE, "reject", on=self.commands.plant.line_of(record.command.device_id))',
        "pass",
    ),
    Mutant(
        "a deny-list of callers",
        CALLERS,
        "return self.kind is CallerKind.OPERATOR\n",
        "return self.kind is not CallerKind.AGENT\n",
    ),
    Mutant(
        "a deny-list of proposers",
        CALLERS,
        "return self.may(Right.COMMAND) or self.may(Right.PROPOSE)",
        "return self.kind is not CallerKind.SYSTEM",
    ),
    Mutant("a text similar to a kind is that kind", CALLERS, "return cls(text)", "return cls(text.strip().lower())"),
    Mutant(
        "a deny-list of who acknowledges",
        DEVICE,
        "if by.kind is not CallerKind.AGENT:",
        "if by.kind is CallerKind.SYSTEM:",
    ),
    Mutant("agents take note of what is for people", DEVICE, ">= Severity.HIGH.rank:", "> Severity.CRITICAL.rank:"),
    Mutant("a name that is the name of a kind", CALLERS, "and not is_reserved(self.name) and", "and"),
    Mutant(
        "a name that somebody gave itself is believed",
        CALLERS,
        "(self.is_operator or self.authenticated) and not",
        "not",
    ),
    Mutant(
        "a name that somebody gave itself stands as it is", CALLERS, 'cls(f"{_SELF_NAMED} “{inside}”" if', "cls(name if"
    ),
    Mutant("who proposes approves", AUTHORIZER, "if (who, by.kind) == (", "if () == ("),
    Mutant("one approves for two", AUTHORIZER, "if who in map(person_of, record.approved_by):", "if False:"),
    Mutant("digest not compared", AUTHORIZER, "if not hmac.compare_digest(", "if False and hmac.compare_digest("),
    Mutant(
        "approval after its expiry",
        AUTHORIZER,
        "or at >= receipt.expires_at:\n            return",
        "or False:\n            return",
    ),
    Mutant(
        "approval of another state",
        AUTHORIZER,
        "if device is None or device.version != record.state_version:",
        "if device is None:",
    ),
    Mutant(
        "not judged again",
        AUTHORIZER,
        "if decision.verdict is Verdict.DENY:\n            reasons",
        "if False:\n            reasons",
    ),
    Mutant("one approval fewer", AUTHORIZER, "if len(agreed) < needed:", "if len(agreed) < needed - 1:"),
    Mutant(
        "facts out of order",
        AUTHORIZER,
        "if record is None or progress.stage not in FOLLOWS[record.stage]:",
        "if record is None:",
    ),
    Mutant(
        "nothing expires",
        AUTHORIZER,
        "elif record.receipt.expires_at is None or at >=",
        "elif record.receipt.expires_at is None or at <",
    ),
    Mutant(
        "the same command twice",
        AUTHORIZER,
        "if self._same(other.command, command):",
        "if False:",
    ),
    Mutant("two under way", AUTHORIZER, "and other.stage.is_under_way\n", "and False\n"),
    Mutant(
        "a shutdown leaves others waiting",
        AUTHORIZER,
        "if record.command.command is not CommandName.EMERGENCY_SHUTDOWN:",
        "if True:",
    ),
    Mutant(
        "race: reserved steps unseen", OPEN_COMMANDS, "known = {**self.open, **self._reserved}", "known = {**self.open}"
    ),
    Mutant(
        "race: reserved steps not counted",
        OPEN_COMMANDS,
        "for one in self._reserved.values() if _is_agents(one)",
        "for one in ()",
    ),
    Mutant("operators use the agents' rate up", OPEN_COMMANDS, "not record.command.proposed_by.is_operator", "True"),
    Mutant("a new name gives a new quota", QUOTA, "if by.authenticated else str(by.kind)", "if True else str(by.kind)"),
    Mutant("no quota for a device", QUOTA, "if name == device_id]", "if name != device_id]"),
    Mutant("a quota keeps a first shutdown from people", QUOTA, "if not is_first_stop:", "if True:"),
    Mutant("every denial is a row of its own", GUARD, "                if denied is None:", "                if True:"),
    Mutant(
        "a denial is folded though it would be none by now",
        AUTHORIZER,
        "if decision.verdict is Verdict.DENY else None",
        "if True else None",
    ),
    Mutant(
        "what an agent says often happened often",
        REPORTS,
        '(IncidentReport.reviewed == True) | (IncidentReport.origin == "person"),',
        "IncidentReport.id > 0,",
    ),
    Mutant("agents report without end", REPORTS, "        if used >= most:", "        if False:"),
    Mutant(
        "a new name gives new reports",
        CALLERS,
        "return _SELF_NAMED if name.startswith(_SELF_NAMED) or",
        "return _SELF_NAMED if",
    ),
    Mutant("an agent's words stand for what helped", INCIDENT, 'self.reviewed or self.origin == "person"', "True"),
    Mutant("who has not told a mode runs", OPEN_COMMANDS, "_NOT_TOLD = (Mode.UNKNOWN", "_NOT_TOLD = (Mode.NORMAL"),
    Mutant(
        "a lock is not on the file itself",
        STORE_LOCK,
        "        if self.network:\n            return\n",
        "        if True:\n            return\n",
    ),
    Mutant(
        "a store that everybody may read",
        STORE_LOCK,
        "os.O_CREAT | os.O_CLOEXEC, 0o600)\n",
        "os.O_CREAT | os.O_CLOEXEC, 0o644)\n",
    ),
    Mutant("digest without parameters", STEP, "dict(sorted(command.parameters.items())),", "{},"),
    Mutant("digest without state", STEP, "        state_version,\n        format", "        format"),
    Mutant(
        "verified without an ack",
        EXECUTION,
        "if not self._acked:\n            if",
        "if not self._acked and not self._met:\n            if",
    ),
    Mutant("verified by old readings", EXECUTION, "or at <= self.record.stage_at or", "or"),
    Mutant("verified by the first reading", EXECUTION, "if full and expected.is_met_by(", "if expected.is_met_by("),
    Mutant(
        "no sensor, yet verified",
        EXECUTION,
        'self._end(Stage.UNVERIFIED, at, "no sensor',
        'self._end(Stage.VERIFIED, at, "no sensor',
    ),
    Mutant("verified by what was so before", EXECUTION, "if self._met and expected.shows_change:", "if self._met:"),
    Mutant(
        "verified by any set-point of the machine",
        EXECUTION,
        "if has is not None and isclose(",
        "if has is not None or isclose(",
    ),
    Mutant("an interrupted one taken for an ack", EXECUTION, 'if ack.result == "interrupted":', "if False:"),
    Mutant("a refusal taken for an ack", EXECUTION, 'if ack.result == "refused":', "if False:"),
    Mutant(
        "never came, while it may still come",
        EXECUTION,
        "if self._acked or at < self._send_by:\n                return None",
        "if self._acked:\n                return None",
    ),
    Mutant(
        "sent again after a restart",
        STATE_MACHINE,
        "self._decided = dict(dispatched or {})",
        "self._decided = {}",
    ),
    Mutant(
        "sent again when told again",
        STATE_MACHINE,
        "or command.command_id in self._decided:",
        "or False:",
    ),
    Mutant(
        "a device knows only its newest order",
        STATE_MACHINE,
        "or command.command_id in self._decided:",
        "or command.command_id in list(self._decided)[-1:]:",
    ),
    Mutant(
        "a refused order is judged again",
        STATE_MACHINE,
        "        self._remember(command.command_id, record.send_by or at, at)\n        against = ",
        "        against = ",
    ),
    Mutant(
        "an order revived by a clock that is set back", STATE_MACHINE, "if at < expiry + KNOWN_S}", "if at < expiry}"
    ),
    Mutant(
        "published without asking the store",
        GATEWAY,
        "        self.tell(HISTORIAN, ClaimPublish(record, claim_id, now, self.name, audit))",
        "        self._publish_command(ready)",
    ),
    Mutant(
        "published whatever the store says",
        GATEWAY,
        "elif answer.claim is PublishClaim.GRANTED:",
        "elif answer.claim:",
    ),
    Mutant(
        "a claim used twice", GATEWAY, "self._claims.pop(answer.claim_id, None)", "self._claims.get(answer.claim_id)"
    ),
    Mutant(
        "what may be with the machine is called not sent",
        GATEWAY,
        "elif answer.claim is PublishClaim.REFUSED:",
        "elif answer.claim is not PublishClaim.GRANTED:",
    ),
    Mutant("every claim is granted", WRITER, " AND published_at IS NULL", ""),
    Mutant(
        "a claim to what is over is granted",
        WRITER,
        "command_id = ? AND stage = ? AND",
        "command_id = ? AND ? <> '' AND",
    ),
    Mutant(
        "a device is not told what went to its predecessor",
        RECALL,
        "WHERE device_id = ? AND send_by > ?",
        "WHERE device_id = ? AND send_by > ? AND stage IN ('dispatched', 'acknowledged')",
    ),
    Mutant("interlocks not asked", STATE_MACHINE, "if against:", "if False:"),
    Mutant(
        "a machine's word on its mode",
        STATE_MACHINE,
        "and self.mode is Mode.UNKNOWN:\n                self._believe",
        "and True:\n                self._believe",
    ),
    Mutant(
        "a mode is believed without its readings",
        STATE_MACHINE,
        "if not ModeProof(self._fingerprint[0]).agrees(",
        "if False and str(",
    ),
    Mutant("an answer of 1999", STATE_MACHINE, "if since - FRESH_S <= said_at <= at + FRESH_S:", "if True:"),
    Mutant(
        "an answer to a question that nobody asked",
        STATE_MACHINE,
        "elif ack.command_id == NO_COMMAND and at - self._asked_at <= _ASK_AGAIN_S:",
        "elif ack.command_id == NO_COMMAND:",
    ),
    Mutant(
        "a contradicted mode goes on suppressing",
        DEVICE,
        "suppress_in and not self._command_state.contradiction",
        "suppress_in",
    ),
    Mutant("nobody is told of a contradicted mode", DEVICE, "if not why or told:", "if True:"),
    Mutant(
        "a signed answer that was recorded before",
        GATEWAY,
        "if self._codec.signs and not self._is_of_now(ack):",
        "if False:",
    ),
    Mutant(
        "a command of somebody else is no alarm",
        GATEWAY,
        "self.tell(device_id, ForeignCommandSeen(foreign.detail, receipts))",
        "False",
    ),
    Mutant(
        "a command of somebody else is acknowledged before its alarm is stored",
        GATEWAY,
        "self._inbound.parts.update(dict.fromkeys(receipts, told + 1))",
        "pass",
    ),
    Mutant(
        "a command of somebody else passes for ours",
        GATEWAY,
        "if self._comes_back(message):",
        "if True:",
    ),
    Mutant("a recorded command of ours passes for ours", GATEWAY, "return last != connection", "return True"),
    Mutant("what is like ours passes for ours with MQTT 5, too", GATEWAY, "if not self._bus.sends_back or", "if"),
    Mutant(
        "people are told of each command of somebody else", DEVICE, "one.fault_type == FOREIGN_COMMAND and", "False and"
    ),
    Mutant("a stray answer is believed", DEVICE_ACTOR, "        if refused is not None:\n", "        if False:\n"),
    Mutant("mode kept though nobody saw", STATE_MACHINE, "elif progress.stage in _CALLED:", "elif False:"),
    Mutant(
        "half of a change is enough of nothing",
        VERIFICATION,
        "margin = _SHARE * share * abs(mean)",
        "margin = -_SHARE * share * abs(mean)",
    ),
    Mutant(
        "published without a commit",
        GUARD,
        "        self._writer.write(step)\n",
        "        self._writer.write(step)\n        self._done(step)\n",
    ),
    Mutant("steps not reserved", TRANSITIONS, "        self._commands.reserve(step.transition)\n", ""),
    Mutant(
        "a step that was refused is taken",
        GUARD,
        "        if told.ok:\n            self._done",
        "        if True:\n            self._done",
    ),
    Mutant("a fact given up", TRANSITIONS, "if not told.ok and not told.final and step.answer is None:", "if False:"),
    Mutant(
        "agents resume themselves",
        GUARD,
        'require_operator(switch.by, right, "switch the commands of agents", on=reach)',
        "pass",
    ),
    Mutant("stopping waits for the store", GUARD, "if not switch.allowed:\n", "if False:\n"),
    Mutant(
        "an older resumption undoes a stop",
        GUARD,
        "if switch.wanted.allowed and committed.number > self._newest_stop:",
        "if switch.wanted.allowed:",
    ),
    Mutant("a resumption that is not stored takes effect", GUARD, "        if committed.why:\n", "        if False:\n"),
    Mutant("a stop that cannot be stored is forgotten", GUARD, "if time.monotonic() >= pending.again_at:", "if False:"),
    Mutant(
        "a stop is called stored before it is",
        GUARD,
        "self._set_agents(replace(wanted, durable=False))",
        "self._set_agents(wanted)",
    ),
    Mutant("a stop falls with the guard", GUARD, "self.give_back(switch.request)", "pass"),
    Mutant(
        "facts that came before the past are lost in a failure",
        GUARD,
        "self.give_back(*self._stash.abandon(error))",
        "self._stash.abandon(error)",
    ),
    Mutant("facts that wait for another step are lost in a failure", GUARD, "self.give_back(step.request)", "pass"),
    Mutant(
        "what the store knows better is not asked for", GUARD, "            if told.final:\n", "            if False:\n"
    ),
    Mutant(
        "answered before it is stored",
        GUARD,
        "        self._writer.write(step)\n        self.wake_in",
        "        _ = step.answer and step.answer.set(step.transition and step.transition.after.receipt)\n"
        "        self._writer.write(step)\n        self.wake_in",
    ),
    Mutant("sent after its expiry", GATEWAY, "if send_by is None or now >= send_by:", "if send_by is None:"),
    Mutant(
        "a command that could not be sent is not told",
        GATEWAY,
        'self._not_sent(record, f"the broker cannot',
        'str(f"the broker cannot',
    ),
    Mutant("answers of machines are not passed on", GATEWAY, "self.tell(ack.device_id, AckReceived(ack))", "pass"),
    Mutant(
        "published though the machine's own interlock refused",
        DEVICE_ACTOR,
        "if begun.publish:",
        "if True:",
    ),
    Mutant(
        "what was never sent stays open",
        STATE_MACHINE,
        "if self._execution is None or self.open_command != command_id:",
        "if True:",
    ),
    Mutant(
        "a restarted guard is not told", DEVICE_ACTOR, "for progress in self._told_progress:", "for progress in ():"
    ),
    Mutant("a turn lasts for as many messages as there are", DISPATCHER, "if monotonic() > over_at:", "if False:"),
    Mutant("a broker may send without end", DELIVERIES, "return self.uncommitted > self._allowed", "return False"),
    Mutant("an id in double use is released early", DELIVERIES, "if committed < under_way:", "if False:"),
    Mutant(
        "what is committed still counts against the broker",
        DELIVERIES,
        "self.uncommitted -= 1",
        "self.uncommitted -= 0",
    ),
    Mutant(
        "published without a connection",
        CLIENT,
        "connection is None or not sent or not connection",
        "connection and not connection",
    ),
    Mutant(
        "commands that the broker keeps",
        CONNECTION,
        "payload, qos=qos, properties",
        "payload, qos=1, retain=True, properties",
    ),
    Mutant("commands that may get lost", CONNECTION, "payload, qos=qos, properties", "payload, qos=0, properties"),
    Mutant(
        "commands that the broker delivers late",
        CONNECTION,
        "MessageExpiryInterval = expiry_s",
        "MessageExpiryInterval = 86_400",
    ),
    Mutant("an answer in another machine's name", CODEC, "if fields.device_id != device_id:", "if False:"),
    Mutant("an answer of long ago", CODEC, "if message.retain or len", "if len"),
    Mutant("an answer that nobody signed", CODEC, "if self._key and not is_signed", "if False and not is_signed"),
    Mutant(
        "a command without its deadline",
        CODEC,
        '"expires_at": format_instant(expires_at)',
        '"expires_at": format_instant(issued_at)',
    ),
    Mutant("the machine is never asked", DEVICE_ACTOR, "if asked is not None:", "if False:"),
)
"""What could go wrong, where; the old text stands once in its file."""


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        return compile(_chosen().source(), self.path, "exec")


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        where = ROOT / "aegisflow" / _chosen().file
        if name != "aegisflow." + _chosen().file.removesuffix(".py").replace("/", "."):
            return None
        loader = _Loader(name, str(where))
        return importlib.machinery.ModuleSpec(name, loader, origin=str(where))


def _chosen() -> Mutant:
    return MUTANTS[int(os.environ["AEGISFLOW_MUTANT"])]


if "AEGISFLOW_MUTANT" in os.environ:
    sys.meta_path.insert(0, _Finder)
