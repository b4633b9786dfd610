"""A serve that answers what it is told to, and the command line run against it."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from aegisflow.cli.main import main


class Serve:
    """Answers every request with ``answer``, and keeps what was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, object] = (200, {})
        self.asked: list[tuple[str, str, str, Any]] = []
        serve = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token = self.headers.get("Authorization", "")
                serve.asked.append((self.command, self.path, token, json.loads(body) if body else None))
                data = json.dumps(serve.answer[1]).encode()
                self.send_response(serve.answer[0])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def run(serve: Serve, *arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--url", serve.url])
    return int(end.value.code or 0)
