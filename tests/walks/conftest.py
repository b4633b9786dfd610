"""What the walks share: plants under command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commanding import Make, several


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with several(tmp_path) as start:
        yield start
