import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.errors import BadValueError
from aegisflow.mcp.paging import make_cursor, read_cursor

QUESTION = {"tool": "get_anomaly_history", "asked": ["pump-01", None, 20]}


@given(st.integers(-4, 0), st.floats(-1e15, 1e15), st.text())
def test_a_cursor_gives_back_what_was_put_in(rank, at, name):
    assert read_cursor(make_cursor(QUESTION, rank, at, name), QUESTION, int, float, str) == [rank, at, name]


def test_a_cursor_belongs_to_its_question():
    cursor = make_cursor(QUESTION, "pump-01")
    with pytest.raises(BadValueError, match="no cursor to start anew"):
        read_cursor(cursor, QUESTION | {"asked": ["pump-02", None, 20]}, str)


@given(st.text(max_size=500))
def test_no_text_is_taken_for_a_cursor(text):
    with pytest.raises(BadValueError):
        read_cursor(text, QUESTION, str)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda part: st.lists(part), max_leaves=9))
def test_no_json_is_taken_for_a_cursor(value):
    forged = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    with pytest.raises(BadValueError):
        read_cursor(forged, QUESTION, float)


@pytest.mark.parametrize("position", [(float("nan"),), (float("inf"),), (1e300,), ("1.0",), (True,), (1.0, 2.0)])
def test_a_forged_position_is_refused(position):
    with pytest.raises(BadValueError):
        read_cursor(make_cursor(QUESTION, *position), QUESTION, float)
