import subprocess
import sys
from collections.abc import Iterator

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.store import open_store
from aegisflow.store.connection import Connection
from aegisflow.store.slack import Slack
from tests.support.store_bench import BrokenStore, StoreBench
from tests.support.store_samples import T0, reading, records


def windows(slack: Slack, *rows: int) -> list[bool]:
    """Return what it says at the end of one window after the other with so many rows."""
    said = []
    for number, count in enumerate(rows):
        slack.note(count)
        said.append(slack.is_due(1_000.0 + 10.0 * number))
    return said


def test_what_a_flood_leaves_is_given_back_once_it_is_over() -> None:
    assert windows(Slack(), 200_000, 180_000, 20_000, 20_000, 0, 0) == [False, False, True, False, True, False]


def test_a_usual_load_gives_nothing_back_and_neither_does_its_end_where_it_was_small() -> None:
    assert windows(Slack(), 19_000, 19_500, 18_000, 0, 0) == [False] * 5
    assert windows(Slack(), 50_000, 40_000, 30_000, 20_000) == [False] * 4


def test_it_is_asked_as_often_as_one_likes() -> None:
    slack = Slack()
    slack.note(100_000)
    assert [slack.is_due(1_000.0 + second) for second in range(25)].index(True) == 10


THREADS = """
import ctypes, sys, tempfile, threading
from aegisflow.store.slack import share_heaps

share_heaps()
kept, libc, all_began = [], ctypes.CDLL(None), threading.Barrier(8)

def work() -> None:
    all_began.wait(10)
    kept.append([bytearray(5_000) for _ in range(50)])

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(10)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as told:
    file = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    print(told.read().decode().count("<heap nr"))
"""


def test_many_threads_share_few_heaps() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) <= 2


@pytest.fixture
def stated(sqlite_url: str) -> Iterator[tuple[StoreBench, list[str]]]:
    """A historian, and the statements that its connection is given."""
    statements: list[str] = []

    def listen(connection: Connection) -> None:
        connection.database.connection().set_trace_callback(statements.append)

    store = open_store(sqlite_url)
    broken = BrokenStore(store)
    broken.spoil = listen
    yield StoreBench(broken), statements
    store.close()


def test_after_a_flood_the_pages_are_given_back_and_what_comes_then_is_stored(
    stated: tuple[StoreBench, list[str]],
) -> None:
    bench, statements = stated
    bench.historian.receive(Tick(T0))
    flood = [records([reading(T0 + 1 + n / 100) for n in range(k, 20_001, 5)]) for k in range(5)]
    for one in flood:
        bench.take(one)
        bench.settle()
    assert "PRAGMA shrink_memory" not in statements
    for _ in range(3):
        bench.now += 10.1
        bench.historian.receive(Tick(T0))
    assert statements.count("PRAGMA shrink_memory") == 1
    bench.take(records([reading(T0 + 500)], packets=[7]))
    bench.settle()
    assert bench.committed()[-1] == 7
    assert len(bench.recalled(count=30_000).readings) == 20_002
