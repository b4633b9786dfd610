"""Runs of pytest in processes that have imported what others wrote: it saves each of several hundred runs a second.

A server is started once, imports what the tests need beside AegisFlow, and is forked for each run. Nothing of AegisFlow
or its tests is imported in it, so that each run imports those for itself, with a mistake in them where it has one.
"""

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

OF_OTHERS = (
    *(
        "hypothesis",
        "hypothesis.stateful",
        "hypothesis.strategies",
        "numpy",
        "msgspec",
        "pykka",
        "structlog",
        "pydantic",
    ),
    *(
        "ruamel.yaml",
        "yaml",
        "peewee",
        "playhouse.pool",
        "psycopg",
        "paho.mqtt.client",
        "jmespath",
        "prometheus_client",
    ),
    *(
        "cryptography.hazmat.primitives.asymmetric.ed25519",
        "google.protobuf.descriptor_pool",
        "cyclopts",
        "rich.console",
    ),
    *(
        "_pytest.pytester",
        "pytest_timeout",
        "xdist.plugin",
        "_hypothesis_pytestplugin",
        "starlette.testclient",
        "fastmcp.server",
    ),
)


def run_pytest(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder and keep nothing that Python compiles; return its exit code and what it said (``stdout``).

    Raises:
        TimeoutError: It takes longer.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.support.warm_imports"])
    with tempfile.NamedTemporaryFile("r", prefix="aegisflow-run-") as said:
        run = server.Process(target=_run, args=(list(arguments), dict(environment), str(folder), said.name))
        run.start()
        run.join(timeout_s)
        if run.exitcode is None:
            run.kill()
            run.join()
            raise TimeoutError(f"pytest {' '.join(arguments)} took more than {timeout_s:g} s:\n{said.read()[-1_000:]}")
        return subprocess.CompletedProcess(list(arguments), run.exitcode, said.read(), "")


def _run(arguments: list[str], environment: dict[str, str], folder: str, said: str) -> None:
    with open(said, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    if any(name.partition(".")[0] == "aegisflow" for name in sys.modules):
        # A process has one such server, and another test has begun it with more: what it has imported has no mistake.
        os.execv(sys.executable, [sys.executable, "-B", "-m", "pytest", *arguments])
    import pytest

    # To have been imported already is what this is for; only the asserts of plugins are less talkative.
    sys.exit(int(pytest.main(["-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments])))


def import_what_others_wrote() -> None:
    """Import it; what is not installed is not needed."""
    for name in OF_OTHERS:
        with suppress(ImportError):
            importlib.import_module(name)
