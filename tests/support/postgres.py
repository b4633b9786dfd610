"""A real PostgreSQL for tests: a private server on a free port, and an empty database for each test."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from aegisflow.bus.embedded import free_port


class Server:
    """A private server, which tests may stop and start."""

    def __init__(self, folder: str, programs: Path) -> None:
        self._folder, self._programs, self._port = folder, programs, free_port()
        self._become: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._become = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self.url = f"postgresql://aegisflow@127.0.0.1:{self._port}"
        self._run("initdb", "-D", f"{folder}/data", "-U", "aegisflow", "--auth=trust", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", *self._where, "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", *self._where, "-m", "immediate", "-w", "stop")

    def database(self) -> str:
        """Return the URL of a new database, which goes with the server."""
        return f"{self.url}/{_create_database(self.url)}"

    @property
    def _where(self) -> list[str]:
        return ["-D", f"{self._folder}/data", "-l", f"{self._folder}/log"]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._become, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=50)


@contextmanager
def restartable_postgres() -> Iterator[Server]:
    """Run a private server."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql")
    folder = tempfile.mkdtemp(prefix="aegisflow-pg-")
    try:
        server = Server(folder, Path(found[-1]).parent)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Give the URL of a PostgreSQL server: the one that AEGISFLOW_TEST_POSTGRES_URL names, or a private one."""
    if given := os.environ.get("AEGISFLOW_TEST_POSTGRES_URL"):
        yield given.rstrip("/")
        return
    with restartable_postgres() as server:
        yield server.url


class Databases:
    """Empty databases of one server. One that was used is emptied and used again: to create one takes longer."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Give the URL of a database with nothing in it."""
        name = self._free.pop() if self._free else _create_database(self._server)
        url = f"{self._server}/{name}"
        yield url
        with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET statement_timeout = '20s'")  # whoever holds a table longer keeps the database
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            self._free.append(name)


def _create_database(server: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return name
