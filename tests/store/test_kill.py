import random
import subprocess
import sys

from aegisflow.store import open_store
from aegisflow.store.readings import EVER, pages

WRITE = """
import os, signal, sys
from aegisflow.actors.historian import Historian
from aegisflow.actors.messages.gateway import RecordsCommitted
from aegisflow.actors.messages.store import StoreRecords
from aegisflow.config.services import StoreSettings
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.store import fold, open_store
from aegisflow.store.committer import Committer, Pace

fold._AT_LEAST = 30  # so that folds are interrupted, too

def tell(name, message):
    if isinstance(message, RecordsCommitted):
        for receipt in message.receipts:
            os.write(1, b"%d\\n" % receipt.packet_id)
    return True

def write(url, number):
    store = open_store(url)
    settings, pace = StoreSettings(commit_interval_s=0.0005), Pace(rest_s=0.0)
    historian = Historian(lambda announce: Committer(store, settings, announce, pace=pace), tell)
    historian.committer.start()
    while True:
        readings = (Reading("pump-%d" % (number % 7), float(number), {"temperature": 70.0}, 0.0),)
        historian.receive(StoreRecords(readings[0].device_id, readings, (Receipt(1, number),), 1))
        historian.committer.work(more_waits=False)
        number += 1

for turn in range(20):
    child = os.fork()
    if child == 0:
        write(sys.argv[1], turn * 1_000_000)
    sys.stdin.readline()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.write(1, b"\\nkilled\\n")
"""


def test_kill_9_in_the_middle_of_commits_loses_nothing_that_was_told(sqlite_url: str) -> None:
    told: set[int] = set()
    generator = random.Random(9)
    command = [sys.executable, "-c", WRITE, sqlite_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(20):
            for _ in range(generator.randint(20, 300)):
                told.add(int(parent.stdout.readline()))
            parent.stdin.write("enough\n")
            while (line := parent.stdout.readline()) != "killed\n":
                assert line, "the writers ended by themselves"
                if line.strip():
                    told.add(int(line))
    store = open_store(sqlite_url)
    reader = store.reader()
    keys = [key for (key,) in reader.run("SELECT key FROM devices").fetchall()]
    stored = {int(at) for key in keys for page in pages(reader, key, EVER) for at, _ in page}
    reader.close()
    store.close()
    assert len(told) > 1000
    assert told - stored == set()
