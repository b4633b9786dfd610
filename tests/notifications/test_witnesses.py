"""Whoever keeps the heads of the audit gets the newest, and no commit waits for it."""

import threading

from aegisflow.notifications.witnesses import ThreadedWitness, WitnessError, build_witnesses
from tests.support.waiting import eventually


def test_a_witness_that_is_slow_holds_up_nobody_and_gets_the_newest() -> None:
    begun, go_on, took = threading.Event(), threading.Event(), list[str]()

    def send(line: str) -> None:
        begun.set()
        assert go_on.wait(60)
        took.append(line)

    witness = ThreadedWitness("slow", send)
    witness("1")
    assert begun.wait(60)
    witness("2")
    witness("3")
    go_on.set()
    eventually(lambda: took == ["1", "3"])
    witness.close()


def test_a_witness_that_fails_is_told_the_newest_again() -> None:
    took: list[str] = []
    fails = threading.Event()
    fails.set()

    def send(line: str) -> None:
        if fails.is_set():
            raise WitnessError(f"no {line}")
        took.append(line)

    witness = ThreadedWitness("away", send, retry_s=0.01)
    witness("1")
    eventually(lambda: witness.failure == "no 1")
    witness("2")
    eventually(lambda: witness.failure == "no 2")
    fails.clear()
    eventually(lambda: took == ["2"])
    eventually(lambda: not witness.failure)
    witness.close()


def test_a_log_that_is_not_there_is_told_of_and_not_raised() -> None:
    (witness,) = build_witnesses("/nowhere/at/all/log", "")
    witness("a head")
    eventually(lambda: witness.failure == "the log at /nowhere/at/all/log: No such file or directory")
    witness.close()
