"""Whatever a sensor shows, how far it is from what is usual can be read."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from aegisflow.domain.alarms.deviation import NEVER_MOVED, describe_deviation

anything = st.floats(allow_nan=True, allow_infinity=True)


@given(value=anything, baseline=anything, spread=anything, z=anything)
@example(value=77.0, baseline=3.0, spread=1e-149, z=7e150)
@example(value=0.0, baseline=0.0, spread=0.0, z=float("nan"))
def test_no_figure_is_longer_than_a_person_can_read(value: float, baseline: float, spread: float, z: float) -> None:
    text = describe_deviation(value, baseline, spread, z)
    assert text == NEVER_MOVED or re.fullmatch(
        r"more than 1,000 spreads|[+-]\d{1,3}\.\d spreads|[+-]1000\.0 spreads", text
    )


def test_what_had_shown_one_value_only_has_never_moved_and_what_had_moved_is_far_away() -> None:
    assert describe_deviation(77.0, 3.0, 0.0, 1e149) == NEVER_MOVED
    assert describe_deviation(77.0, 3.0, 0.01, 7_400.0) == "more than 1,000 spreads"
    assert describe_deviation(77.0, 75.0, 0.5, 4.0) == "+4.0 spreads"
