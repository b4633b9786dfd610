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


def test_the_way_back_is_listed_shown_with_what_has_changed_and_proposed_for_a_reason(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    back = {"command": "restore_load", "parameters": {}, "note": "leads to full load, and 20 % was taken away before"}
    done = {**COMMAND, "stage": "verified", "policy": ["readings show it"], "way_back": back}
    serve.answer = (200, {"commands": [done]})
    assert run(serve, "commands") == 0
    line = "  way back: restore_load; leads to full load, and 20 % was taken away before"
    assert capsys.readouterr().out.splitlines()[-1] == line
    since = ["cmd-2 followed it: set_parameter (name speed, value 3), verified"]
    serve.answer = (200, {"as_of": "2026-01-31T09:00:00Z", "of": done, "way_back": back, "since": since})
    assert run(serve, "way-back", "cmd-1") == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        line,
        "  since then, 2026-01-31T09:00:00Z:",
        f"    {since[0]}",
    ]
    assert [asked[:2] for asked in serve.asked[1:]] == [("GET", "/operator/commands/cmd-1/way-back")]
    serve.answer = (200, {**done, "as_of": "2026-01-31T09:00:00Z", "of": done, "way_back": back, "since": []})
    assert run(serve, "way-back", "cmd-1", "--reason", "the bearing is new") == 0
    assert serve.asked[-1][0] == "POST"
    assert serve.asked[-1][3] == {"reason": "the bearing is new"}
    none = {**back, "command": None, "note": "it is failed"}
    serve.answer = (200, {"as_of": "2026-01-31T09:00:00Z", "of": done, "way_back": none, "since": []})
    assert run(serve, "way-back", "cmd-1", "--reason", "the bearing is new") == 1
    assert serve.asked[-1][0] == "GET"
    assert "  no way back: it is failed" in capsys.readouterr().out


def test_h11_facts_of_the_proposal_and_of_now_are_printed_with_their_dates(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {**COMMAND, "stage": "awaiting_approval", "digest": "d", "approved_by": [], "approvals_needed": 1}
    waiting |= {"facts": ["temperature 92 °C"], "facts_at": "2026-01-31T07:50:00Z"}
    waiting |= {"facts_now": ["temperature 104 °C"], "facts_now_at": "2026-01-31T08:05:00Z"}
    serve.answer = (200, {"as_of": "2026-01-31T08:05:00Z", "approvals": [waiting], "unavailable": {}})
    assert run(serve, "approvals") == 0
    told = capsys.readouterr().out.splitlines()
    first = told.index("  facts when it was proposed, 2026-01-31T07:50:00Z:")
    assert told[first + 1 : first + 4] == [
        "    temperature 92 °C",
        "  facts now, 2026-01-31T08:05:00Z:",
        "    temperature 104 °C",
    ]
    silent = {**waiting, "facts_now": [], "facts_now_at": None}
    serve.answer = (200, {"as_of": "2026-01-31T08:05:00Z", "approvals": [silent], "unavailable": {"pump-02": "busy"}})
    assert run(serve, "approvals") == 0
    assert "  facts now: the device does not answer" in capsys.readouterr().out.splitlines()


def test_h12_a_mode_is_stated_from_the_command_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"device_id": "pump-02", "mode": "reduced_load", "reduction_pct": 40.0, "by": "anna", "reason": "I saw it"}
    serve.answer = (200, {**told, "at": "2026-01-31T08:00:00Z"})
    arguments = ("mode", "pump-02", "reduced_load", "--reduction-pct", "40", "--reason", "I saw it")
    assert run(serve, *arguments) == 0
    sent = {"mode": "reduced_load", "reason": "I saw it", "reduction_pct": 40.0}
    assert serve.asked == [("POST", "/operator/devices/pump-02/mode", "Bearer token-of-anna", sent)]
    assert capsys.readouterr().out == (
        "pump-02: reduced load, 40 % of the load is gone, by anna at 2026-01-31T08:00:00Z\n"
    )
    assert run(serve, "mode", "pump-02", "unknown", "--reason", "nobody knows") != 0
