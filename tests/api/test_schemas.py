"""The shapes of nouns: built when they are needed, by whoever needs them first."""

import subprocess
import sys

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
