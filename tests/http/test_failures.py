"""Who guesses is counted by address, told and kept waiting, and keeps nobody else out."""

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from aegisflow.http.failures import (
    MAX_FAILURES,
    MAX_HELD,
    WITHIN_S,
    FailedLogins,
    address_of,
    is_of_this_machine,
)
from aegisflow.http.guards import OperatorTokens
from tests.support.operator_tokens import BEN, BEN_HIMSELF, known


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_who_guesses_is_barred_for_a_minute_and_others_are_not_and_a_right_token_always_opens() -> None:
    clock = Clock()
    operators = OperatorTokens(known(), failures=FailedLogins(clock=clock))
    for _ in range(MAX_FAILURES):
        assert not operators.failures.barred("10.0.0.1")
        assert operators.who("Bearer guess", "10.0.0.1", "api") is None
    assert operators.failures.barred("10.0.0.1")
    assert not operators.failures.barred("10.0.0.2")
    assert operators.who(BEN["Authorization"], "10.0.0.1", "api") == BEN_HIMSELF
    clock.at = WITHIN_S
    assert not operators.failures.barred("10.0.0.1")


def test_to_show_no_token_is_no_wrong_one() -> None:
    operators = OperatorTokens(known())
    for header in ("", "Basic YTpi", "Bearer "):
        assert operators.who(header, "10.0.0.1", "api") is None
    assert operators.failures.addresses() == {}


def test_a_failed_login_is_told_with_its_address_and_its_way_until_the_address_is_known_for_it() -> None:
    ways: list[str] = []
    failures = FailedLogins(ways.append)
    structlog.reset_defaults()
    with capture_logs() as told:
        for _ in range(3 * MAX_FAILURES):
            failures.failed("10.0.0.1", "page")
    assert ways == ["page"] * 3 * MAX_FAILURES
    assert len(told) == MAX_FAILURES
    line = {"event": "login_failed", "address": "10.0.0.1", "way": "page", "further_ones_wait": False}
    assert line.items() <= told[0].items()
    assert told[-1]["further_ones_wait"]


def test_addresses_are_bounded_and_the_one_that_was_quiet_for_longest_makes_room() -> None:
    failures = FailedLogins(most=3)
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.4"):
        failures.failed(address, "api")
    assert failures.addresses() == {"10.0.0.3": 1, "10.0.0.1": 2, "10.0.0.4": 1}


def test_the_answer_to_one_guess_too_many_is_held_back_and_only_so_many_are() -> None:
    failures = FailedLogins(hold_s=3_600.0)

    async def run() -> tuple[int, int]:
        for _ in range(MAX_FAILURES):
            failures.failed("10.0.0.1", "api")
        await failures.hold("10.0.0.2")  # nobody else waits
        tasks = [asyncio.create_task(failures.hold("10.0.0.1")) for _ in range(MAX_HELD + 5)]
        while sum(task.done() for task in tasks) < 5:
            await asyncio.sleep(0)
        answered = sum(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return answered, failures._held

    assert asyncio.run(run()) == (5, 0)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unknown\nlogin_failed", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_is_what_its_owner_cannot_change_at_will(host: str, address: str) -> None:
    assert address_of({"type": "http", "client": (host, 1)}) == address


@pytest.mark.parametrize(
    ("host", "header", "here"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("10.0.0.1", "", False),
        ("127.0.0.1", "x-forwarded-for", False),
        ("127.0.0.1", "forwarded", False),
        ("127.0.0.1", "x-real-ip", False),
    ],
)
def test_what_a_proxy_on_this_machine_brings_is_not_of_this_machine(host: str, header: str, here: bool) -> None:
    headers = [(header.encode(), b"127.0.0.1")] if header else []
    assert is_of_this_machine({"type": "http", "client": (host, 1), "headers": headers}) == here
