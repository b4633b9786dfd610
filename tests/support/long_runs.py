"""The everyday run, the same each time, and the long one (``--long``), which draws new examples: hooks for conftest."""

import os
import random

import pytest
from hypothesis import HealthCheck, settings

from aegisflow.compiled import described

# Speed is measured in benchmarks/; on a busy machine a slow example is no failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("everyday", _PATIENT, derandomize=True)
settings.register_profile("long", _PATIENT, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to pytest."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well, with new examples")


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
    """Leave the long tests out of an everyday run."""
    if config.option.long:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if not item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
