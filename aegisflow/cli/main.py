"""The command line: the name, place and text of each command; none is loaded before it runs."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App

from aegisflow import __version__, compiled
from aegisflow.errors import AegisFlowError, BadValueError, ConfigError, RecordingError

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "init": (
        "init:init",
        "Write the folder of a new plant: plant.yaml, manuals, a broker with TLS, a service and your token.",
    ),
    "discover": (
        "discover:discover",
        "Listen to a broker that nobody has described, and write a plant file for what it carries.",
    ),
    "check": ("plant_file:check", "Show the plant as a table, or every mistake in its file (exit code 1)."),
    "responses": (
        "responses:responses_app",
        "What to do about each fault, the master alarm table of ISA-18.2: to a spreadsheet and back.",
    ),
    "schema": ("plant_file:schema", "Print the JSON Schema of plant.yaml, for editors."),
    "serve": (
        "serving:serve",
        "Watch the plant, with the page at /, MCP over HTTP at /mcp, i3X at /i3x/v1, /healthz, /readyz and /metrics.",
    ),
    "mcp": (
        "stdio:mcp",
        "Serve one MCP client on standard input and output, with the plant inside or, with --connect, elsewhere.",
    ),
    "reload": (
        "reload:reload",
        "Have a running serve read its plant.yaml again; says what changed, or why nothing did (exit code 1).",
    ),
    "operator": (
        "tokens:operator",
        "Make a token for a person, with a role; it is shown once, and only its hash goes into plant.yaml.",
    ),
    "device-key": (
        "plant_file:device_key",
        "Print the key that a device signs its readings with; whoever has it can speak for that device alone.",
    ),
    "status": (
        "status:status",
        "Say what is wrong and what waits in a running plant, or how one machine is; the operator's token is "
        "AEGISFLOW_OPERATOR_TOKEN.",
    ),
    "alarms": (
        "alarms:alarms",
        "List the alarms of a running plant, suppressed ones last, or watch them come and go.",
    ),
    "alarm": ("alarms:alarm", "Show one alarm: evidence, what to do about it, and what has happened to it."),
    "trend": ("trend:trend", "Draw what a sensor has shown as a line of blocks, beside its limits."),
    "acknowledge": ("alarms:acknowledge", "Take note of an alarm; it stays active while its cause lasts."),
    "shelve": ("alarms:shelve", "Shelve an alarm for a time; it comes back when that is over, or when it gets worse."),
    "unshelve": ("alarms:unshelve", "Return an alarm to service before its shelf ends."),
    "out-of-service": ("alarms:out_of_service", "Take an alarm out of service until somebody returns it."),
    "in-service": ("alarms:in_service", "Return an alarm to service; it is unacknowledged if its cause lasts."),
    "accept": (
        "levels:accept",
        "Say that what the sensors of an alarm, or of a device, show now is normal; the alarm ends by itself.",
    ),
    "restore": ("levels:restore", "Take back that a level is normal; the one of before holds again."),
    "accepted": ("levels:accepted", "List what people have accepted as normal."),
    "learn": (
        "learning:learn",
        "Say until when a machine is healthy and being learned; extend, accept or throw away what was learned; "
        "without a machine, list them.",
    ),
    "refused": (
        "alarms:refused",
        "Say what was refused since the start: how often, why, of which device and sensor, with topic and sample.",
    ),
    "figures": (
        "alarms:figures",
        "Say how many alarms people got, by EEMUA 191: rate, floods, chattering, stale, the most frequent.",
    ),
    "approvals": (
        "commands:approvals",
        "List the commands that wait for an operator: facts first, the proposer's words last.",
    ),
    "approve": ("commands:approve", "Show a command and approve exactly that; it is judged again before it is sent."),
    "reject": ("commands:reject", "Reject a command that waits."),
    "command": (
        "commands:command",
        "Give a machine a command as an operator; policy and interlocks hold all the same.",
    ),
    "mode": (
        "commands:mode",
        "State the mode that a machine is in, as one who stands at it; nothing is sent to the machine.",
    ),
    "way-back": (
        "commands:way_back",
        "Show what leads back from a verified command and what has changed since, or propose it.",
    ),
    "commands": ("commands:commands", "List commands, the newest first: how far each came, since when and why."),
    "operators": ("tokens:operators_app", "The people who may come in: list, revoke."),
    "agent": (
        "tokens:agent_app",
        "Agents: add, list and revoke their tokens; show, stop and resume what they may propose.",
    ),
    "agents": ("tokens:agents_app", "The same as agent."),
    "handover": ("handover:handover", "Say what one shift tells the next, or sign for it: --leave, then --take."),
    "incidents": ("incidents:incidents", "List incident reports, reviewed ones first, and the faults that come again."),
    "incident": ("incidents:incident", "Show one incident report, and what it said before it was reviewed."),
    "report": ("incidents:report", "Write an incident report of your own; it counts as reviewed."),
    "review": (
        "incidents:review",
        "Say that a report is right as it stands, correct it, or withdraw it; what it said before is kept.",
    ),
    "audit": ("audit:audit_app", "The audit: whether it is whole, and the story of a command."),
    "trace": (
        "trace:trace",
        "Tell the story of an alarm from the store: reading, alarm, diagnosis, proposal, approval, publish, answer.",
    ),
    "archestra": (
        "archestra:archestra_app",
        "What Archestra is told of a plant: write it, and see whether it still fits.",
    ),
    "demo": ("demo:demo", "Watch a simulated day of nine machines through a real broker; needs nothing else."),
    "backtest": (
        "recordings:backtest",
        "Run a recorded file through the devices, as fast as it goes and without a broker.\n\n"
        "Where the file has labels (a column such as anomaly or fault_type), the figures of detection are printed. "
        "What was concluded about the file is printed too, with the option that says otherwise. The exit code is 2 "
        "where nothing could be read.",
    ),
    "tune": (
        "recordings:tune",
        "Propose wider limits and thresholds from a healthy period, as a diff to plant.yaml; nothing is applied.",
    ),
    "simulate": (
        "simulate:simulate_app",
        "Simulated machines and recorded days; aegisflow simulate --help lists what there is.",
    ),
}
"""Name to the function or app below ``aegisflow.cli`` and the text that people read; in the order of the help."""

app = App(
    name="aegisflow",
    version=f"{__version__} ({compiled.described()})",
    # The texts have no markup, and the library that would look for it takes as long to load as all else together.
    help_format="plaintext",
    help="Watches a plant's sensor streams, raises few and trustworthy alarms, and lets an AI agent propose commands "
    "that people approve.",
)
for _name, (_place, _text) in COMMANDS.items():
    app.command(f"aegisflow.cli.{_place}", name=_name, help=_text)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 it went wrong, 2 it was asked for wrongly, 130 after Ctrl-C."""
    os.umask(os.umask(0o077) | 0o077)  # what a plant's store, heads and caches say is nobody else's business
    try:
        app(list(arguments) if arguments is not None else None)
    except (ConfigError, RecordingError, BadValueError) as error:
        _complain(error)
        if isinstance(error, ConfigError):
            _help_newcomers()
        sys.exit(2)
    except AegisFlowError as error:
        _complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = None  # nobody reads any more: no complaint at exit
        sys.exit(0)
    except OSError as error:
        _complain(error)
        sys.exit(1)
    sys.exit(0)


def _help_newcomers() -> None:
    from aegisflow.cli.arguments import newcomers_hint  # the help of all commands loads none of this

    sys.stderr.write(newcomers_hint())


def _complain(error: Exception) -> None:
    sys.stderr.write(f"aegisflow: {error}\n")
