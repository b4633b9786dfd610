"""What people send, read field by field."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from aegisflow.api.endpoints import ENDPOINTS
from aegisflow.api.fields import Flag, Number, YesOrNo, name_in, number, parse, whole, words
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Request
from aegisflow.errors import BadValueError, RequestError, UnknownNameError

REQUESTS = sorted({model for one in ENDPOINTS for model in (one.which, one.body)}, key=lambda model: model.__name__)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**400, -(10**400)]) | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=5,
)


class Sample(Request):
    text: Annotated[str, words(10, "why, in a few words")] = "x"
    real: Number = 0.0
    span: Annotated[float, number(1, 5, "1 to 5 hours")] = 1.0
    count: Annotated[int, whole(20)] = 1
    flag: Flag = False
    asked: YesOrNo = False
    name: Annotated[str, name_in("colour", ("red", "green"))] = "red"
    perhaps: Annotated[str | None, words(10)] = None


@pytest.mark.parametrize(
    ("field", "given_", "read"),
    [
        ("text", " why\n\u202enot ", "why not"),
        ("text", "x" * 50, "xxxxxxx…"),
        ("real", "1e3", 1000.0),
        ("real", 7, 7.0),
        ("span", "5", 5.0),
        ("count", "007", 7),
        ("flag", True, True),
        ("asked", "yes", True),
        ("asked", "no", False),
        ("name", " green ", "green"),
    ],
)
def test_what_is_said_is_read(field: str, given_: object, read: object) -> None:
    assert getattr(parse(Sample, {field: given_}), field) == read


@pytest.mark.parametrize(
    ("field", "given_", "expected"),
    [
        ("text", " \u202e ", "why, in a few words"),
        ("text", None, "why, in a few words"),
        ("text", 5, "why, in a few words"),
        ("real", "nan", "a number"),
        ("real", True, "a number"),
        ("real", 10**400, "a number"),
        ("span", 0.5, "1 to 5 hours"),
        ("span", "x", "1 to 5 hours"),
        ("count", "21", "a whole number from 1 to 20"),
        ("count", "+5", "a whole number from 1 to 20"),
        ("count", "٣", "a whole number from 1 to 20"),
        ("flag", "yes", "true or false"),
        ("flag", 1, "true or false"),
        ("asked", "perhaps", "yes or no"),
        ("asked", ["yes"], "yes or no"),
        ("name", "", "one of red, green"),
        ("name", 5, "one of red, green"),
        ("perhaps", None, "a text that is not empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_expected(field: str, given_: object, expected: str) -> None:
    with pytest.raises(BadValueError) as caught:
        parse(Sample, {field: given_})
    assert (caught.value.argument, caught.value.expected) == (field, expected)
    assert caught.value.value == given_


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown colour 'blue'; choose one of: red, green"):
        parse(Sample, {"name": "blue"})


@pytest.mark.parametrize("model", REQUESTS, ids=lambda model: str(model.__name__))
def test_a_field_that_is_missing_is_named_with_what_was_expected(model: type[BaseModel]) -> None:
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    if required == ["id"] and issubclass(model, ById):
        return  # a path always has it
    if required:
        with pytest.raises(BadValueError) as caught:
            parse(model, {})
        assert caught.value.argument == required[0]
        assert caught.value.expected
    else:
        parse(model, {})


@given(st.data())
def test_whatever_is_sent_is_read_or_refused_in_one_line(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(REQUESTS))
    fields = list(model.model_fields) or ["nothing"]
    sent: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(fields), JSON))
    if "changes" in sent:
        corrections = st.sampled_from(["title", "severity", "fault_type", "occurred_at", "author"])
        sent["changes"] = data.draw(JSON | st.dictionaries(corrections, JSON))
    if "id" in fields:
        sent["id"] = data.draw(st.text())
    refusal = ""
    try:
        json.dumps(parse(model, sent).model_dump(mode="json"), allow_nan=False)
    except RequestError as error:
        refusal = str(error)
    assert refusal.isprintable()
    assert len(refusal) < 500
