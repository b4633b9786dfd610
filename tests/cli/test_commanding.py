import pytest

from tests.support.canned_serve import Serve, run

COMMAND = {
    "command_id": "cmd-1",
    "device_id": "pump-02",
    "command": "reduce_load",
    "parameters": {"reduction_pct": 30.0},
    "stage": "outcome_unknown",
    "stage_at": "2026-01-31T08:00:00Z",
    "proposed_at": "2026-01-31T07:50:00Z",
    "expires_at": None,
    "policy": ["the machine did not answer, also when it was asked again"],
    "next_step": "a person must look",
    "words_not_facts": {"of": "agent seven", "text": "vibration rises"},
}


def test_h1_commands_are_listed_with_how_far_they_came_since_when_and_why(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve.answer = (200, {"commands": [COMMAND]})
    assert run(serve, "commands", "--device", "pump-02", "--limit", "5") == 0
    assert serve.asked[0][1] == "/operator/commands?limit=5&device_id=pump-02"
    assert capsys.readouterr().out.splitlines() == [
        "cmd-1: reduce_load (reduction_pct 30.0) on pump-02 by agent seven, outcome unknown since 2026-01-31T08:00:00Z",
        "  the machine did not answer, also when it was asked again",
    ]
    serve.answer = (200, {"commands": []})
    assert run(serve, "commands") == 0
    assert capsys.readouterr().out == "no command was ever proposed\n"
