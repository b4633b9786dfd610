"""A real HTTP server that notifications are sent to."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Hook:
    """A real HTTP server: what each path answers, and what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, tuple[int, str | None]] = {}
        """Path to code and Location."""
        self.came: list[tuple[str, str, bytes, str]] = []
        """Method, path, body and content type."""
        self.secrets: list[str] = []
        """What each request showed of itself (Authorization); empty for nothing."""
        self.headers: dict[str, str] = {}
        """Sent with every answer."""
        self.before_answer: Callable[[], object] = lambda: None
        """Called in the thread of each request."""


@contextmanager
def running_hook(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Hook]:
    """Run one for as long as the block lasts; port 0: any free one."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hook.came.append((self.command, self.path, body, self.headers.get("Content-Type", "")))
            hook.secrets.append(self.headers.get("Authorization", ""))
            hook.before_answer()
            code, location = hook.answers.get(self.path, (200, None))
            self.send_response(code)
            if location is not None:
                self.send_header("Location", location)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST  # noqa: N815 - what http.server looks for

        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Answers) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        hook = Hook(f"http{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()
