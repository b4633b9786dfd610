"""The shapes of nouns."""

import subprocess
import sys

import pytest

from aegisflow.api.schemas.audit import CommandStory
from aegisflow.domain.views import AuditEntry
from tests.support.memory_plant import NOW
from tests.support.places import ROOT

FIRST_USE = """
import threading
from aegisflow.api.schemas.alarms import AlarmList
begin, refused = threading.Barrier(16), []
text = '{"as_of": "2026-01-31T08:00:00Z", "alarms": [], "unavailable": {}}'
def read():
    begin.wait()
    try:
        AlarmList.model_validate_json(text).model_dump_json()
    except Exception as error:
        refused.append(repr(error))
threads = [threading.Thread(target=read) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(refused)
"""


def test_many_threads_may_need_a_shape_for_the_first_time_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, timeout=50, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_story_of_a_command_keeps_facts_and_words_apart() -> None:
    proposed = {
        "command_id": "cmd-1",
        "kind": "agent",
        "command": "reduce_load",
        "parameters": {"reduction_pct": 30},
        "justification": "it is\x1b[2J hot\n" + "x" * 5_000,
    }
    story = CommandStory.of(
        "cmd-1",
        (
            AuditEntry(NOW, "claude\u202e", "command_proposed", "pump-01", proposed),
            AuditEntry(NOW + 1, "guard", "command_awaiting_approval", "pump-01", {"reasons": ["an operator decides"]}),
            AuditEntry(NOW + 2, "guard", "command_denied", "pump-01", {"reasons": "not a list", "parameters": 7}),
        ),
    )
    assert (story.device_id, story.command, story.parameters) == ("pump-01", "reduce_load", {"reduction_pct": 30})
    assert [(step.act, step.by) for step in story.steps] == [
        ("proposed", "claude"),
        ("awaiting approval", "guard"),
        ("denied", "guard"),
    ]
    words = story.steps[0].words_not_facts
    assert words is not None
    assert words.of == "agent"
    assert words.text.startswith("it is[2J hot xxx")
    assert len(words.text.encode()) <= 2_000
    assert story.steps[1].reasons == ["an operator decides"]
    assert (story.steps[2].reasons, story.steps[2].words_not_facts) == ([], None)


@pytest.mark.parametrize("parameters", [{"a": None, "b": [1], "c": True}, {}, None, [1]])
def test_a_row_that_was_damaged_is_shown_as_it_is(parameters: object) -> None:
    detail = {"command": 7, "parameters": parameters, "reasons": [None, {"x": 1}], "justification": ["y"], "kind": 3}
    story = CommandStory.of("cmd-1", (AuditEntry(NOW, "", "odd", "", detail),))
    assert story.command == "7"
    assert story.steps[0].reasons == ["None", "{'x': 1}"]
