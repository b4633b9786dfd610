"""The twenty-five questions of a plant's day are answered in few calls and few tokens, and no alarm is missing."""

from pathlib import Path

import pytest

from aegisflow.domain.views import AlarmQuery
from benchmarks.questions import MAX_CALLS, MAX_TOKENS, QUESTIONS, a_day, ask, table
from tests.support.nine_tools import NINE
from tests.support.places import ROOT


def test_there_are_twenty_five_and_the_page_names_the_calls_that_are_measured() -> None:
    assert len({question.text for question in QUESTIONS}) == 25
    page = (ROOT / "docs" / "agent-questions.md").read_text(encoding="utf-8")
    assert table() in page, "put the output of benchmarks.questions.table() into docs/agent-questions.md"
    for question in QUESTIONS:
        assert 1 <= len(question.calls) <= MAX_CALLS
        assert {name for name, _ in question.calls} <= set(NINE[:6])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_is_answered_within_its_budget_and_names_every_alarm(tmp_path: Path) -> None:
    with a_day(tmp_path) as plant:
        answered = ask(plant)
        active = plant.active_alarms().value
        today = plant.alarm_history(AlarmQuery(limit=100)).value.alarms
    for one in answered:
        assert not one.failed, one
        assert one.tokens <= MAX_TOKENS, one.question.text
        assert [word for word in one.question.must_hold if word not in one.text] == [], one.question.text
    by_text = {one.question.text: one.text for one in answered}
    assert len(active) >= 4
    assert [one.alarm_id for one in active if one.alarm_id not in by_text["Which machines need attention now?"]] == []
    assert [one.alarm_id for one in today if one.alarm_id not in by_text["What went wrong today?"]] == []
