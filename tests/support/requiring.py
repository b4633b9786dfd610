"""Where all tests are required (``AEGISFLOW_REQUIRE_ALL_TESTS=1``, as in CI), one that is skipped has failed.

CI installs whatever pip and apt have. A test of a program that neither has is marked ``foreign("program")``: it runs
where the program is, and elsewhere it is no test.
"""

import os
import shutil
from collections.abc import Generator

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of programs that no package brings and this machine does not have."""
    away = [item for item in items if any(shutil.which(mark.args[0]) is None for mark in item.iter_markers("foreign"))]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in away]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test."""
    report = yield
    _require(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a file that skips itself."""
    report = yield
    _require(report)
    return report


def _require(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("AEGISFLOW_REQUIRE_ALL_TESTS") and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"AEGISFLOW_REQUIRE_ALL_TESTS is set, and this was skipped: {why}"
