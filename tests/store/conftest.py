from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.store import Store, open_store
from tests.support.store_bench import StoreBench


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty store, of each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def bench(store: Store) -> Iterator[StoreBench]:
    at_work = StoreBench(store)
    yield at_work
    at_work.committer.close()
