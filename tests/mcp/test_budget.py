from hypothesis import given
from hypothesis import strategies as st

from aegisflow.mcp.budget import BUDGET_BYTES, largest_page, largest_that_fits, size_of
from aegisflow.mcp.schemas import DeviceLine, DeviceStatusAnswer

TEXTS = st.lists(st.integers(0, 2 * BUDGET_BYTES).map(lambda size: "ü" * (size // 2)), max_size=8)


def line(kind: str) -> DeviceLine:
    return DeviceLine(device_id="pump-01", line="line-1", kind=kind, mode="normal", silent=False)


def answer(parts: list[DeviceLine], total: int) -> DeviceStatusAnswer:
    """Return an answer that is smaller at its end, where no cursor follows."""
    more = len(parts) < total
    cursor = "c" * 80 if more else None
    return DeviceStatusAnswer(
        as_of="", total=total, truncated=more, next_cursor=cursor, raw_values=len(parts), devices=parts
    )


@given(TEXTS)
def test_a_page_holds_as_many_as_the_budget_takes_and_at_least_one(texts: list[str]) -> None:
    parts = [line(text) for text in texts]
    by_trial = [count for count in range(len(parts) + 1) if size_of(answer(parts[:count], len(parts))) <= BUDGET_BYTES]
    presented: list[str] = []

    def present(text: str) -> DeviceLine:
        presented.append(text)
        return line(text)

    def build(count: int, shown: list[DeviceLine]) -> DeviceStatusAnswer:
        more = count < len(texts)
        cursor = "c" * 80 if more else None
        return DeviceStatusAnswer(
            as_of="", total=len(texts), truncated=more, next_cursor=cursor, raw_values=count, devices=shown
        )

    page = largest_page(texts, present, build)
    assert page == answer(parts[: max([*by_trial, min(1, len(texts))])], len(texts))
    assert presented == texts[: len(presented)]
    assert len(presented) <= len(page.devices or ()) + 2


@given(st.integers(0, 3 * BUDGET_BYTES))
def test_what_can_be_shortened_is_as_long_as_the_budget_takes(length: int) -> None:
    page = largest_that_fits(lambda most: answer([line("x" * most)], 1), 0, length)
    (shown,) = page.devices or []
    assert size_of(page) <= BUDGET_BYTES
    assert len(shown.kind) == length or size_of(answer([line(shown.kind + "x")], 1)) > BUDGET_BYTES
