"""What was made by importing the tests is not looked through for garbage again and again: hooks for ``conftest.py``.

The files of all tests, and what they import, are some million objects that live as long as the run. To look through
them took a tenth of collecting the tests in each worker, and longer than most tests each time that a plant was started.
"""

import gc
from collections.abc import Generator, Iterator

import pytest

gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage from now on, but not among what was imported."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def nothing_spared() -> Iterator[None]:
    """Have the collector look through everything, as in a process that has just begun."""
    gc.unfreeze()
    yield
    gc.freeze()
