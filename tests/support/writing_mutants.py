"""Mistakes about machines that are told by templates: written twice, unseen or unasked; see ``mutants``."""

from tests.support.mutant import Mutant

WRITING, WRITTEN_WIRE, NODE = "domain/commands/writing.py", "bus/written.py", "bus/sparkplug/node.py"
_GATEWAY, _EXECUTION = "actors/gateway.py", "domain/commands/execution.py"
_AUTHORIZER, _LOCKS = "domain/commands/authorizer.py", "domain/commands/interlocks.py"
_POLICY, _STEP, _OPENINGS = "domain/commands/policy.py", "domain/commands/transition.py", "domain/openings.py"

_SENT = "self._publish(ready.topic, ready.payload, max(1, int(send_by - now)), command.traceparent, qos)"

WRITING_MUTANTS = (
    Mutant(
        "written twice, for safety",
        _GATEWAY,
        f"            {_SENT}\n",
        f"            {_SENT}\n            if record.written is not None:\n                {_SENT}\n",
    ),
    Mutant("what is not ours passes after what came back", _GATEWAY, "            del self._own[digest]\n", ""),
    Mutant(
        "what is not ours passes where it is retained",
        _GATEWAY,
        "if not self._bus.sends_back or message.retain or digest",
        "if not self._bus.sends_back or digest",
    ),
    Mutant(
        "what is not ours passes on another topic",
        _GATEWAY,
        'topic.encode() + b"\\0" + payload',
        "payload",
    ),
    Mutant(
        "others may write to every machine",
        WRITTEN_WIRE,
        "return all(spec is not None and spec.others for spec in specs)",
        "return True",
    ),
    Mutant(
        "one machine of a shared topic lets others write to all",
        WRITTEN_WIRE,
        "return all(spec is",
        "return any(spec is",
    ),
    Mutant(
        "whatever is sent to an edge node is a rebirth", "bus/sparkplug/command.py", "all(metric.name in", "all(True or"
    ),
    Mutant("old answers count", WRITTEN_WIRE, "if message.retain or len(message.payload)", "if len(message.payload)"),
    Mutant("an approval is not bound to what is written", _STEP, "if written is not None:", "if False:"),
    Mutant(
        "what was only published is done",
        _EXECUTION,
        'return self._end(Stage.OUTCOME_UNKNOWN, at, f"{published}; {why}")',
        'return self._end(Stage.VERIFIED, at, f"{published}; {why}")',
    ),
    Mutant(
        "readings that lay there before prove what nobody answered",
        _EXECUTION,
        "if expected is not None and self._met and expected.shows_change:",
        "if expected is not None and self._met:",
    ),
    Mutant(
        "a machine that answers is proved without an answer",
        _EXECUTION,
        "if written is not None and not written.answers and not self._acked:",
        "if written is not None and not self._acked:",
    ),
    Mutant(
        "a machine that knows no questions is asked",
        _EXECUTION,
        "return self.record.written is None  #",
        "return True  #",
    ),
    Mutant(
        "the guard takes any proof without an answer",
        _AUTHORIZER,
        "if unanswered and (record.written is None or record.written.answers):",
        "if False:",
    ),
    Mutant("nobody is shown what is written", _AUTHORIZER, "facts=(str(written), *record.facts)", "facts=record.facts"),
    Mutant(
        "a silent machine is written to",
        _LOCKS,
        "if writing is None or not device.silent or",
        "if True or writing is None or not device.silent or",
    ),
    Mutant("a command without a template is asked about", _POLICY, "if why := why or too_late(", "if why := too_late("),
    Mutant(
        "another command's answer counts",
        WRITING,
        "if order.answer.command_id and said.command_id != command_id:",
        "if False:",
    ),
    Mutant(
        "a refusal of somebody else's command is one of ours",
        WRITING,
        'return "interrupted" if result == "refused" and self.others',
        'return "interrupted" if False and self.others',
    ),
    Mutant("a gone device is written to", NODE, "if not self.alive or (device and", "if False and (device and"),
    Mutant("a stale alias is written to", NODE, "if alias is not None and known[0] != alias:", "if False:"),
    Mutant(
        "another template opens nothing",
        _OPENINGS,
        "if new.writing is not None and new.writing != old.writing and",
        "if False and",
    ),
)
