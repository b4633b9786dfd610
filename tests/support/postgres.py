"""A real PostgreSQL for tests: a private server on a free port, and an empty database for each test."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisflow.bus.embedded import free_port


@contextmanager
def running_postgres() -> Iterator[str]:
    """Give the URL of a PostgreSQL server: the one that AEGISFLOW_TEST_POSTGRES_URL names, or a private one."""
    if given := os.environ.get("AEGISFLOW_TEST_POSTGRES_URL"):
        yield given.rstrip("/")
        return
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql")
    programs, folder, port = Path(found[-1]).parent, tempfile.mkdtemp(prefix="aegisflow-pg-"), free_port()
    become: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        become = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def run(*command: str) -> None:
        subprocess.run([*become, *command], check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=50)

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [str(programs / "pg_ctl"), "-D", f"{folder}/data", "-l", f"{folder}/log"]
    try:
        run(str(programs / "initdb"), "-D", f"{folder}/data", "-U", "aegisflow", "--auth=trust", "--no-sync")
        run(*control, "-w", "-o", options, "start")
        try:
            yield f"postgresql://aegisflow@127.0.0.1:{port}"
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """Give the URL of a new database, and drop it afterwards."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{server}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
