"""The size of an answer: what an agent reads costs tokens, so no answer is larger than this."""

from collections.abc import Callable
from typing import TypeVar

from aegisflow.mcp.answers import Answer

BUDGET_BYTES = 12_000
"""Largest answer, as JSON in UTF-8; about 4,000 tokens."""

A = TypeVar("A", bound=Answer)


def size_of(answer: Answer) -> int:
    """Return the bytes of ``answer`` as it is sent."""
    return len(answer.model_dump_json(exclude_none=True).encode())


def largest_that_fits(build: Callable[[int], A], least: int, most: int) -> A:
    """Return ``build(n)`` for the largest ``n`` from ``least`` to ``most`` that stays within the budget.

    ``build`` must grow with ``n``; ``build(least)`` is returned even if it is too large, so the
    caller bounds each single item.
    """
    answer = build(most)
    if size_of(answer) <= BUDGET_BYTES:
        return answer
    best = build(least)
    low, high = least + 1, most - 1
    while low <= high:
        middle = (low + high) // 2
        answer = build(middle)
        if size_of(answer) <= BUDGET_BYTES:
            best, low = answer, middle + 1
        else:
            high = middle - 1
    return best
