import pytest

from aegisflow.api.next_steps import by_command_line, for_agents, on_the_page, said_to_people
from aegisflow.domain.commands.model import CommandReceipt, Stage
from aegisflow.domain.rights import TOOLS
from tests.support.command_bench import STOP, command


def receipt(stage: Stage, next_step: str = "it waits") -> CommandReceipt:
    return CommandReceipt(command(STOP), stage, ("policy asks a person",), next_step)


@pytest.mark.parametrize("stage", Stage)
def test_people_read_of_no_tool_and_agents_of_no_page(stage: Stage) -> None:
    one = receipt(stage)
    to_people = [
        on_the_page(stage, one.next_step),
        by_command_line(stage, one.next_step, "cmd-1", "pump-01"),
        said_to_people(one),
    ]
    assert not [text for text in to_people for tool in TOOLS if tool in text]
    assert "aegisflow" not in for_agents(stage, one.next_step)
