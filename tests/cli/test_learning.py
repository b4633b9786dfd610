"""``aegisflow learn`` against a serve that answers what it is told to."""

from typing import Any

import pytest

from tests.support.canned_serve import Serve, run

PERIOD: dict[str, Any] = {
    "device_id": "pump-01",
    "stage": "learning",
    "progress": 0.4,
    "missing": 0,
    "since": "2026-01-31T08:00:00Z",
    "until": "2026-01-31T16:00:00Z",
    "by": "anna",
    "accepted_at": None,
    "text": "learning, 40 %, until 2026-01-31T16:00:00Z, by anna: only limits and gross jumps are told",
    "words": "overhauled",
}


@pytest.mark.parametrize(
    ("arguments", "act", "until"),
    [
        (("--until", "8h"), "begin", "8h"),
        (("--extend", "--until", "2026-02-01"), "extend", "2026-02-01"),
        (("--accept",), "accept", ""),
        (("--discard",), "discard", ""),
    ],
)
def test_each_act_is_asked_for_with_its_reason(
    serve: Serve, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], act: str, until: str
) -> None:
    serve.answer = (200, {"learning": [] if act == "discard" else [PERIOD], "unavailable": {}})
    assert run(serve, "learn", "pump-01", *arguments, "--reason", "overhauled") == 0
    body = {"act": act, "until": until, "reason": "overhauled"}
    assert serve.asked == [("POST", "/operator/devices/pump-01/learning", "Bearer token-of-anna", body)]
    thrown_away = "pump-01: what was learned is thrown away; what was normal before is again\n"
    assert capsys.readouterr().out == (thrown_away if act == "discard" else f"pump-01: {PERIOD['text']}\n")


def test_without_an_act_it_is_shown_what_is_being_learned(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, {"learning": [PERIOD], "unavailable": {"pump-03": "it is restarting"}})
    line = f"pump-01: {PERIOD['text']}; reason: overhauled\n"
    assert run(serve, "learn") == run(serve, "learn", "pump-01") == 0
    assert capsys.readouterr().out == 2 * f"{line}did not answer: pump-03: it is restarting\n"
    serve.answer = (200, {"learning": [PERIOD], "unavailable": {}})
    assert run(serve, "learn", "pump-02") == 0
    assert capsys.readouterr().out == "nothing is being learned by anybody's word\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("pump-01", "--accept", "--discard"),
        ("pump-01", "--accept", "--until", "8h"),
        ("--until", "8h"),
    ],
)
def test_what_contradicts_itself_is_not_asked(serve: Serve, arguments: tuple[str, ...]) -> None:
    assert run(serve, "learn", *arguments, "--reason", "overhauled") == 2
    assert serve.asked == []
