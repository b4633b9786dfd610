import pytest

from aegisflow.domain.commands.model import FOLLOWS, MOVES, CommandName, Mode, Stage
from tests.support.places import ROOT

DOCS = ROOT / "docs" / "commands.md"


def moves_table() -> str:
    """Return ``MOVES`` as a Markdown table, for the documentation."""
    modes = tuple(Mode)
    lines = [f"| command \\ mode | {' | '.join(modes)} |", f"|---|{'---|' * len(modes)}"]
    for command, moves in MOVES.items():
        cells = (f"→ {moves[mode]}" if mode in moves else "–" for mode in modes)
        lines.append(f"| `{command}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_table_in_the_documentation_is_the_one_that_counts() -> None:
    assert moves_table() in DOCS.read_text(encoding="utf-8")


def test_every_command_has_its_moves_and_only_a_shutdown_is_always_possible() -> None:
    assert set(MOVES) == set(CommandName)
    assert [name for name, moves in MOVES.items() if set(moves) == set(Mode)] == [CommandName.EMERGENCY_SHUTDOWN]


def test_no_command_leads_into_the_unknown_and_only_starts_lead_out_of_a_stop() -> None:
    assert all(Mode.UNKNOWN not in moves.values() for moves in MOVES.values())
    leaving = {name for name, moves in MOVES.items() if moves.get(Mode.SHUTDOWN) not in (None, Mode.SHUTDOWN)}
    assert leaving == {CommandName.RESTART}


def test_no_load_change_in_maintenance() -> None:
    possible = {name for name, moves in MOVES.items() if Mode.MAINTENANCE in moves}
    assert possible == {CommandName.EMERGENCY_SHUTDOWN, CommandName.END_MAINTENANCE}


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_says_what_follows_and_ends(stage: Stage) -> None:
    seen, ahead = {stage}, set(FOLLOWS[stage])
    while ahead - seen:
        seen |= ahead
        ahead = {after for one in ahead for after in FOLLOWS[one]}
    assert any(one.is_final for one in seen)
    # From dispatched only for a machine that answers nothing, which the authorizer sees to.
    assert (Stage.VERIFIED in FOLLOWS[stage]) is stage.is_under_way
    assert (Stage.DISPATCHED in FOLLOWS[stage]) is (stage is Stage.APPROVED)
