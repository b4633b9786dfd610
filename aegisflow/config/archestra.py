"""The part of ``plant.yaml`` that ``aegisflow archestra`` reads: what Archestra's proxy is told beside the policy."""

from pydantic import Field

from aegisflow.config.fields import Section, Text, Words
from aegisflow.config.mistakes import Mistakes, closest, one_of
from aegisflow.domain.commands.model import FOR_OPERATORS, CommandName

_COMMANDS = tuple(name.value for name in CommandName if name not in FOR_OPERATORS)


class ArchestraSettings(Section):
    """What aegisflow archestra export and apply write beside the policy; a running plant does not read it."""

    blocked: Words = ("emergency_shutdown", "restart")
    """Commands that the proxy refuses in any case, though the policy may ask a person about them."""
    agent: Text = Field(default="", examples=["shift-agent"])
    """Name of the agent whose token Archestra's installation has; left out, only what holds for every agent counts."""


def check_archestra(settings: ArchestraSettings, mistakes: Mistakes) -> None:
    """What is to be blocked must be a command that an agent can propose; a slip would leave one open."""
    for name in settings.blocked:
        if name not in _COMMANDS:
            mistakes.add(("archestra", "blocked"), name, one_of(list(_COMMANDS)) + closest(name, list(_COMMANDS)))
