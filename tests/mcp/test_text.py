import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.api.text import clean, clean_lines, describe_limits, shorten, z_score
from aegisflow.domain.equipment import Limits


@given(st.text(), st.integers(10, 200))
def test_cleaned_text_is_one_visible_line_within_its_limit(text, limit):
    line = clean(text, limit)
    assert len(line.encode()) <= limit
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in line)
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x1b[31mb\x00", "a[31mb"),
        ("pay\u202eload\u200b", "payload"),
        ("two\r\nlines\there", "two lines here"),
        ("\U000e0041tag", "tag"),
        ("lone \ud800 half", "lone half"),
    ],
)
def test_what_cannot_be_seen_is_removed(text, cleaned):
    assert clean(text, 100) == cleaned


def test_a_manuals_lines_stay_lines():
    assert clean_lines("# Leak\n\n| a | b |\x00\n- one \n", 100) == "# Leak\n\n| a | b |\n- one"


def test_limits_and_figures_are_short():
    assert describe_limits(Limits(65, 85)) == "65 to 85"
    assert describe_limits(Limits(None, 90)) == "up to 90"
    assert describe_limits(Limits(18, None)) == "from 18"
    assert describe_limits(Limits()) is None
    assert shorten(31.234567) == 31.235
    assert z_score(float("inf")) == 9_999.0
