import threading
from collections.abc import Iterator

import pytest

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
