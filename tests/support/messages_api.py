"""Anthropic's Messages API on this machine: plays what a test tells it to, and keeps what it was asked."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Answer = dict[str, Any]
USAGE = {"input_tokens": 1_000, "output_tokens": 100}


def used(name: str, /, **arguments: Any) -> Answer:
    """An answer that calls a tool."""
    return called((name, arguments))


def called(*calls: tuple[str, Any]) -> Answer:
    blocks = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": asked} for n, (name, asked) in enumerate(calls)
    ]
    return message(blocks, "tool_use")


def said(text: str, stop: str = "end_turn") -> Answer:
    """An answer in words alone."""
    return message([{"type": "text", "text": text}], stop)


def message(content: list[dict[str, Any]], stop: str, **more: Any) -> Answer:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "played", "content": content,
        "stop_reason": stop, "stop_sequence": None, "usage": dict(USAGE), **more,
    }  # fmt: skip


def events(answer: Answer) -> Iterator[bytes]:
    """Yield an answer as it is streamed, each text and each argument in two pieces."""

    def event(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    begun = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
    yield event("message_start", message=begun)
    yield event("ping")
    for index, block in enumerate(answer["content"]):
        if block["type"] == "text":
            empty, text, kind, key = {**block, "text": ""}, block["text"], "text_delta", "text"
        elif block["type"] == "tool_use":
            empty, text = {**block, "input": {}}, json.dumps(block["input"])
            kind, key = "input_json_delta", "partial_json"
        else:
            yield event("content_block_start", index=index, content_block=block)
            continue
        yield event("content_block_start", index=index, content_block=empty)
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            yield event("content_block_delta", index=index, delta={"type": kind, key: piece})
        yield event("content_block_stop", index=index)
    stopped = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=stopped, usage={"output_tokens": answer["usage"]["output_tokens"]})
    yield event("message_stop")


class Played:
    """What it answers, in order, and what came; the last answer is given again and again."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer | Callable[[http.server.BaseHTTPRequestHandler], None]] = []
        self.streams = True
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.more = threading.Event()
        """Set when a slow answer may go on."""

    def results(self) -> list[dict[str, Any]]:
        """What tools answered, in the last question."""
        blocks = self.asked[-1]["messages"][-1]["content"]
        return [block for block in blocks if block["type"] == "tool_result"]


def refusal(status: int, text: str, **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    """An endpoint that refuses."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        body = json.dumps({"type": "error", "error": {"type": "error", "message": text}}).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(body: bytes, content_type: str = "application/json") -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    """An endpoint that sends something else than was agreed, and hangs up."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def messages_api() -> Iterator[Played]:
    """Run one for as long as the block lasts."""
    played = Played()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            played.asked.append(asked)
            played.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = played.answers[min(len(played.asked), len(played.answers)) - 1]
            self.close_connection = True
            if callable(answer):
                answer(self)
                return
            self.send_response(200)
            if played.streams and asked.get("stream"):
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for event in events(answer):
                    self.wfile.write(event)
                return
            body = json.dumps(answer).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        played.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield played
        finally:
            played.more.set()
            server.shutdown()
            thread.join()
