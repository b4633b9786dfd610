import threading
from collections.abc import Iterator

import pytest

from aegisflow.cli import main
from aegisflow.cli.client import TOKEN_ENV
from tests.support.canned_serve import Serve


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv(TOKEN_ENV, "token-of-anna")
    serve = Serve()
    thread = threading.Thread(target=serve.server.serve_forever, args=(0.01,))
    thread.start()
    yield serve
    serve.server.shutdown()
    thread.join()
    serve.server.server_close()


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command in this process; return its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        printed = capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    return run
