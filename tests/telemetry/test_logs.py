import io
import json
from collections.abc import Iterator

import pytest
import structlog

from aegisflow.telemetry.logs import configure_logs


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def open_with(token: str) -> None:
    raise ValueError(f"{len(token)} characters are too few")


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_logged_failure_shows_where_it_was_and_no_value_of_a_variable(json_lines: bool) -> None:
    file, token = io.StringIO(), "s3cret"
    configure_logs(json_lines=json_lines, file=file)
    try:
        open_with(token)
    except ValueError:
        structlog.get_logger().exception("door_stays_shut", device="pump-01")
    text = file.getvalue()
    assert "open_with" in text
    assert "6 characters are too few" in text
    assert token not in text
    if json_lines:
        assert json.loads(text)["device"] == "pump-01"
