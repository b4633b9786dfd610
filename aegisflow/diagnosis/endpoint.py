"""One question to a model and its answer, over Anthropic's Messages API; the only place that knows its library."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aegisflow.errors import printable

__all__ = ["ModelEndpoint", "ModelError", "ToolUse", "Turn"]

RETRIES = 1
"""Of what the provider says is worth another try (429, 5xx, a connection that broke), by the library."""
MAX_WHY = 200


class ModelError(Exception):
    """The model gave no answer that can be used; the text says why, in a few words.

    Args:
        why: in a few words.
        pause_s: how long it is of no use to ask again.
        may_cost: whether the question may be charged although nobody says for how many tokens.
    """

    def __init__(self, why: str, pause_s: float = 0.0, *, may_cost: bool = False) -> None:
        super().__init__(printable(" ".join(why.split()), MAX_WHY))
        self.pause_s = pause_s
        self.may_cost = may_cost


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the model wants to call."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Turn:
    """What the model answered."""

    stop: str = ""
    """``end_turn``, ``tool_use``, ``max_tokens``, ``refusal``, ..."""
    content: list[dict[str, Any]] = field(default_factory=list)
    """Blocks as they are handed back with the next question."""
    uses: list[ToolUse] = field(default_factory=list)
    input_tokens: int = 0
    """Those of caches included, at their full price."""
    output_tokens: int = 0


class ModelEndpoint:
    """Asks a model. Importing this loads nothing; making one loads the library.

    Args:
        key: of the provider or of a proxy.
        url: of the endpoint; empty for what the environment says, else the provider's own.
        model: its name.
        timeout_s: how long an answer may take to its last word.

    Raises:
        ModelError: the library is not installed.
    """

    def __init__(self, key: str, url: str, model: str, timeout_s: float) -> None:
        try:
            import anthropic
        except ImportError as error:
            raise ModelError("the package anthropic is not installed (aegisflow[diagnosis])") from error
        self._library = anthropic
        self._model = model
        self._timeout_s = timeout_s
        self._client = anthropic.Anthropic(api_key=key, base_url=url or None, timeout=timeout_s, max_retries=RETRIES)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def question(
        self,
        conversation: str,
        system: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        answer_tokens: int,
        must_call: str = "",
    ) -> Turn:
        """Ask once.

        Args:
            conversation: id of the alarm, by which proxies keep questions together.
            system: the system prompt.
            messages: so far.
            tools: that it may call.
            answer_tokens: the most that it may write.
            must_call: the tool that it has to call; empty for as it likes.

        Raises:
            ModelError: there is no answer that can be used.
        """
        library = self._library
        choice = {"type": "tool", "name": must_call} if must_call else {"type": "auto"}
        session = quote(conversation, safe="@:.-_")  # a header takes no other letters
        asked: dict[str, Any] = {
            "model": self._model,
            "max_tokens": answer_tokens,
            "system": system,
            "messages": messages,
            "tools": tools,
            "tool_choice": choice,
            "stream": True,
            "extra_headers": {"X-Archestra-Session-Id": session, "X-Appa-Session-ID": session},
        }
        try:
            # Streamed, so that an answer which never ends is noticed; who answers in one piece is understood, too.
            raw = self._client.messages.with_raw_response.create(**asked)
            with closing(raw.http_response) as response:
                if "event-stream" in response.headers.get("content-type", ""):
                    return self._streamed(response.iter_lines())
                return _whole(json.loads(response.read()))
        except library.APIStatusError as error:
            raise _refused(error.status_code, error.message, error.response.headers) from error
        except library.APITimeoutError as error:
            raise ModelError(f"no answer within {self._timeout_s:g} s", may_cost=True) from error
        except library.APIConnectionError as error:
            raise ModelError(f"the endpoint cannot be reached: {error}", pause_s=30.0) from error
        except ModelError:
            raise
        except Exception as error:  # whatever a broken endpoint makes of a library that expects a whole one
            raise ModelError(
                f"an answer that cannot be understood ({type(error).__name__}: {error})", may_cost=True
            ) from error

    def _streamed(self, lines: Iterable[str]) -> Turn:
        """Put an answer together that comes in events; pings keep a connection alive, and no answer for ever."""
        turn, until = Turn(), time.monotonic() + self._timeout_s
        blocks: dict[int, dict[str, Any]] = {}
        partial: dict[int, str] = {}
        for line in lines:
            if time.monotonic() > until:
                raise ModelError(f"no end of the answer within {self._timeout_s:g} s", may_cost=True)
            if not line.startswith("data:"):
                continue
            event = json.loads(line.removeprefix("data:"))
            match event["type"]:
                case "message_start":
                    turn.input_tokens, turn.output_tokens = _usage(event["message"]["usage"])
                case "content_block_start":
                    blocks[event["index"]] = event["content_block"]
                case "content_block_delta" if event["delta"]["type"] == "text_delta":
                    blocks[event["index"]]["text"] += event["delta"]["text"]
                case "content_block_delta" if event["delta"]["type"] == "input_json_delta":
                    partial[event["index"]] = partial.get(event["index"], "") + event["delta"]["partial_json"]
                case "message_delta":
                    turn.stop = event["delta"]["stop_reason"] or ""
                    turn.output_tokens = event["usage"]["output_tokens"]
                case "error":
                    raise ModelError(
                        f"the endpoint broke off: {event['error'].get('message', '')}", 30.0, may_cost=True
                    )
        if not turn.stop:
            raise ModelError("the answer broke off", may_cost=True)
        for index, text in partial.items():
            blocks[index]["input"] = _object(text)
        return _with_blocks(turn, list(blocks.values()))


def _whole(message: Any) -> Turn:
    """Return an answer that came in one piece."""
    turn = Turn(message["stop_reason"] or "", [], [], *_usage(message["usage"]))
    return _with_blocks(turn, message["content"])


def _usage(usage: Mapping[str, int | None]) -> tuple[int, int]:
    """Return the tokens that were read, cached ones included, and those that were written."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage.get(name) or 0 for name in read), usage["output_tokens"] or 0


def _with_blocks(turn: Turn, blocks: Sequence[dict[str, Any]]) -> Turn:
    for block in blocks:
        if block["type"] == "tool_use":
            arguments = block["input"] if isinstance(block["input"], dict) else _object(json.dumps(block["input"]))
            turn.uses.append(ToolUse(str(block["id"]), str(block["name"]), arguments))
            kept = {"type": "tool_use", "id": block["id"], "name": block["name"], "input": arguments}
            turn.content.append(kept)
        elif block["type"] == "text" and block["text"]:
            turn.content.append({"type": "text", "text": block["text"]})
    return turn


def _object(text: str) -> dict[str, Any]:
    """Return the arguments of a tool; what is no object is as good as none, and the tool will say what it misses."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(status: int, message: str, headers: Mapping[str, str]) -> ModelError:
    """Return why an endpoint refused, and how long to leave it alone."""
    match status:
        case 401 | 403:
            return ModelError(f"the endpoint does not take the key ({status})", pause_s=300.0)
        case 402:
            return ModelError(f"the budget at the proxy is used up (402): {message}", pause_s=600.0)
        case 429:
            return ModelError("too many questions for the endpoint (429)", pause_s=_seconds(headers.get("retry-after")))
        case _:
            return ModelError(f"the endpoint answered {status}: {message}", pause_s=30.0 if status >= 500 else 0.0)


def _seconds(text: str | None) -> float:
    try:
        return min(600.0, max(0.0, float(text or 60.0)))
    except ValueError:
        return 60.0
