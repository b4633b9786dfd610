"""The size of an answer: what an agent reads costs tokens, so no answer is larger than this."""

import re
from collections.abc import Callable, Iterable
from math import inf
from typing import TypeVar

from aegisflow.mcp.schemas import Part, ToolAnswer

BUDGET_BYTES = 12_000
"""The largest answer, as JSON in UTF-8; it is about 4,000 tokens."""
USUAL_TOKENS = 1_500
"""Of an answer whose size nobody asked for."""
_PIECE = re.compile(r"\d{1,3}|[^\W\d_]{1,7}|[^\w\s]|_")
"""What a tokenizer of a small vocabulary takes for one token, roughly: figures cost more of them than words."""

A = TypeVar("A", bound=ToolAnswer)
P = TypeVar("P", bound=Part)
T = TypeVar("T")


def size_of(part: Part) -> int:
    """Return the bytes of an answer, or of a part of one, as it is sent."""
    return len(part.model_dump_json(exclude_none=True).encode())


def tokens_of(part: Part) -> int:
    """Return about how many tokens an answer takes, rather too many than too few."""
    text = part.model_dump_json(exclude_none=True)
    return max(len(_PIECE.findall(text)), len(text.encode()) // 4)


def largest_page(found: Iterable[T], present: Callable[[T], P], build: Callable[[int, list[P]], A]) -> A:
    """Return the answer with as many of ``found``, from the first on, as the budget takes.

    Each is presented and measured once, and none behind those that fit. The first is in the answer even if it is
    too large, so the caller bounds each single one.

    Args:
        found: what the page could hold, in its order.
        present: makes of one of these the part of the answer.
        build: makes the answer that holds so many parts, and puts these into it. It is asked with none to learn how
            much room the rest of the answer takes.
    """
    parts: list[P] = []
    ends: list[int] = []
    for one in found:
        part = present(one)
        end = size_of(part) + (ends[-1] + len(",") if ends else 0)
        if parts and end > BUDGET_BYTES:
            break
        parts.append(part)
        ends.append(end)
    count = len(parts)
    while count > 1 and size_of(build(count, [])) + ends[count - 1] > BUDGET_BYTES:
        count -= 1
    return build(count, parts[:count])


def largest_that_fits(build: Callable[[int], A], least: int, most: int, tokens: float = inf) -> A:
    """Return ``build(n)`` for the largest ``n`` from ``least`` to ``most`` that stays within the budget.

    For what is made coarser or shorter instead of being left out. ``build`` must grow with ``n``; ``build(least)``
    is returned even if it is too large, so the caller bounds each single part. ``tokens`` is a narrower budget, for
    an answer whose size nobody asked for.
    """

    def fits(answer: A) -> bool:
        return size_of(answer) <= BUDGET_BYTES and (tokens == inf or tokens_of(answer) <= tokens)

    answer = build(most)
    if fits(answer):
        return answer
    best = build(least)
    low, high = least + 1, most - 1
    while low <= high:
        middle = (low + high) // 2
        answer = build(middle)
        if fits(answer):
            best, low = answer, middle + 1
        else:
            high = middle - 1
    return best
