"""What an open page is sent: the items that differ from what it shows, and that it is still alive."""

from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from starlette.concurrency import run_in_threadpool

from aegisflow.console.feed import Feed
from aegisflow.console.snapshot import Snapshot
from aegisflow.console.visit import LivePart
from aegisflow.domain.times import format_instant
from aegisflow.errors import AegisFlowError, RequestError

__all__ = ["BEAT_S", "SIGNED_OUT", "Differences", "changes_of", "event"]

log = structlog.get_logger(__name__)

BEAT_S = 3.0
"""A page hears of us at least so often; one that does not says that what it shows is old."""
SIGNED_OUT = "signed-out"
GONE = "gone"
"""Name of the event for a page whose subject is no more: a device that left the plant, for one."""


class Differences:
    """Remembers what a page shows, and tells by what messages it comes to show something else."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, str]] = {}

    def to(self, parts: Sequence[LivePart]) -> list[str]:
        """Return the pieces of HTML that turn what is shown into ``parts``: none where nothing differs.

        Items that only changed are sent by themselves. Where some came, went or moved, their container is sent as a
        whole: that is rarer, and keeps the order right whatever a page has missed.
        """
        pieces: list[str] = []
        for part in parts:
            wanted = {item.element_id: str(item.html) for item in part.items}
            known = self._shown.get(part.container)
            if known is None or list(known) != list(wanted):
                pieces.append(_piece(part.container, "innerMorph", "".join(wanted.values())))
            else:
                pieces += [_piece(name, "outerMorph", html) for name, html in wanted.items() if known[name] != html]
            self._shown[part.container] = wanted
        return pieces


def _piece(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def event(data: str, name: str = "") -> bytes:
    """Return a server-sent event; one without a name is HTML that the page takes in."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return (f"event: {name}\n" if name else "").encode() + lines.encode() + b"\n"


async def changes_of(
    feed: Feed,
    parts: Callable[[Snapshot], Sequence[LivePart]],
    is_signed_in: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """Yield events for one page until it is left, or nobody is signed in any more.

    The first is all that the page consists of, so that what has happened since it was loaded, or since its stream was
    cut, is on it at once.
    """
    shown, number = Differences(), 0
    while is_signed_in():
        snapshot = await feed.next(number, BEAT_S)
        if snapshot is None:
            yield event(feed.error, "trouble" if feed.error else "beat")
            continue
        number = snapshot.number
        try:
            pieces = shown.to(await run_in_threadpool(parts, snapshot))
        except RequestError as error:
            yield event(str(error), GONE)
            return
        except AegisFlowError as error:
            yield event(str(error), "trouble")
            continue
        if pieces:
            yield event("".join(pieces))
        yield event(format_instant(snapshot.as_of), "beat")
    yield event("", SIGNED_OUT)
