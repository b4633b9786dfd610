import pykka
import pytest

from aegisflow.actors.runtime.stash import Stash


def test_what_was_kept_is_handled_in_order_and_questions_are_answered() -> None:
    stash, seen = Stash(), []
    stash.keep("one")
    answer = stash.keep_question("two")
    stash.keep("three")
    assert (stash.is_open, len(stash)) == (False, 3)

    def handle(message: str) -> str:
        assert stash.is_open
        seen.append(message)
        return message.upper()

    stash.open(handle)
    assert (stash.is_open, len(stash)) == (True, 0)
    assert seen == ["one", "two", "three"]
    assert answer.get(timeout=0) == "TWO"


def test_an_error_belongs_to_whoever_asked() -> None:
    stash, seen = Stash(), []
    answer = stash.keep_question("zero")
    stash.keep("one")

    def handle(message: str) -> None:
        seen.append(message)
        if message == "zero":
            raise ZeroDivisionError(message)

    stash.open(handle)
    assert seen == ["zero", "one"]
    with pytest.raises(ZeroDivisionError):
        answer.get(timeout=0)


def test_behind_a_message_that_fails_all_are_kept_for_the_successor() -> None:
    stash = Stash()
    for message in ("one", "bad", "two"):
        stash.keep(message)
    answer = stash.keep_question("three")

    def handle(message: str) -> None:
        if message == "bad":
            raise ValueError(message)

    with pytest.raises(ValueError, match="bad"):
        stash.open(handle)
    assert stash.abandon(pykka.ActorDeadError("gone")) == ("two",)
    with pytest.raises(pykka.ActorDeadError, match="gone"):
        answer.get(timeout=0)
    assert stash.abandon(pykka.ActorDeadError("gone")) == ()


def test_what_was_abandoned_before_it_was_opened_goes_to_the_successor_in_order() -> None:
    stash = Stash()
    stash.keep("one")
    answer = stash.keep_question("two")
    stash.keep("three")
    assert stash.abandon(RuntimeError("stopped")) == ("one", "three")
    with pytest.raises(RuntimeError, match="stopped"):
        answer.get(timeout=0)
