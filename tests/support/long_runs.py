"""The everyday run, the same each time, and the long one (``--long``), which draws new examples: hooks for conftest."""

import os
import random

import pytest
from hypothesis import HealthCheck, settings

from aegisflow.compiled import described

# Speed is measured in benchmarks/; on a busy machine a slow example is no failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Of a property that names no number of its own; the long run has Hypothesis's hundred.
_EXAMPLES = int(os.environ.get("AEGISFLOW_EXAMPLES") or 30)
settings.register_profile("everyday", _PATIENT, derandomize=True, max_examples=_EXAMPLES)
settings.register_profile("long", _PATIENT, print_blob=True)

_OF_THE_CORE = ("tests/domain/", "tests/offline/test_digests.py", "tests/test_compiled.py", "tests/test_wheel.py")
"""Tests that say something else once the core is compiled."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to pytest."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well, with new examples")
    parser.addoption("--more", action="store_true", help="with --long: leave out what every day does in the same way")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose sizes and examples, before any test is imported and before Hypothesis looks at its seed."""
    if not config.option.long:
        settings.load_profile("everyday")
        return
    settings.load_profile("long")
    os.environ["AEGISFLOW_LONG_TESTS"] = "1"
    if config.getoption("hypothesis_seed") is None:  # the workers of a parallel run are given that of the first process
        config.option.hypothesis_seed = str(random.SystemRandom().getrandbits(64))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to have the same examples again, and which core is tested."""
    core = f"core: {described()}"
    if not config.option.long:
        return f"everyday run: the same examples each time (--long draws new ones); {core}"
    return f"long run: the same examples again with --hypothesis-seed={config.option.hypothesis_seed}; {core}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out of an everyday run, and out of the long one what such a run does as well, if asked."""
    if config.option.long and not config.option.more:
        return
    stays = _is_more if config.option.long else _is_everyday
    left_out = [item for item in items if not stays(item)]
    items[:] = [item for item in items if stays(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def _is_everyday(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is None


def _is_more(item: pytest.Item) -> bool:
    """Return whether a long run does more than an everyday one: other examples, more of them, or the compiled core."""
    if item.get_closest_marker("long") or item.nodeid.startswith(_OF_THE_CORE):
        return True
    test = getattr(item, "obj", None)
    return getattr(test, "is_hypothesis_test", False) or hasattr(getattr(item, "module", None), "KILL_ROUNDS")
