"""Pages that no plant is needed for: signing in, a form to send again, and why something cannot be shown."""

import json
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from aegisflow.api.text import clean
from aegisflow.console.forms import CSRF, Form, Kept, is_from_here, read_form
from aegisflow.console.render import render
from aegisflow.console.sessions import Session
from aegisflow.console.visit import Act
from aegisflow.domain.callers import Caller, why_not
from aegisflow.domain.rights import Extent, Right
from aegisflow.errors import BadValueError

__all__ = [
    "HEADERS",
    "again",
    "cookie_name",
    "local_path",
    "pack",
    "plain",
    "refused",
    "sent_form",
    "sign_in_page",
    "trouble",
    "unpack",
]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from outside, nothing written into a page, no page of ours within another one."""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


async def sent_form(request: HttpRequest, what: str = "send this") -> Form | Response:
    """Return the form that one of our own pages sends, or the answer to one that is too long or from elsewhere.

    Args:
        request: that carries it.
        what: the form does, as it goes on after "may not".
    """
    if not is_from_here(request):
        return plain(f"a page of another origin may not {what}", 403)
    try:
        return await read_form(request)
    except BadValueError as error:
        return plain(str(error), 413)


def sign_in_page(goal: str, kept: Kept | None = None, why: str = "", status: int = 200, service: str = "") -> Response:
    """Return the page that asks for a token, or leads to a sign-in ``service`` where one is named.

    It goes on to ``goal`` or with the form that was ``kept``.
    """
    known = {"keeps": kept is not None, "service": service}
    context = {"goal": local_path(goal), "kept": pack(kept), "why": why, **known}
    return HTMLResponse(render("sign_in.html", context), status, HEADERS)


def again(session: Session, kept: Kept, why: str, status: int, act: Act | None) -> Response:
    """Return a form that was not taken, filled in as it was, for its writer to send again or to leave."""
    labels = act.labels if act else {}
    shown = [(name, labels[name], value) for name, value in kept.fields if name in labels]
    unseen = [(name, value) for name, value in kept.fields if name not in labels]
    context = {
        "csrf": session.csrf,
        "action": kept.path if act else "",
        "asks": act.asks if act else "do something that there is not any more",
        "why": why,
        "shown": shown,
        "unseen": unseen,
        "done": status == 200,
    }
    return HTMLResponse(render("again.html", context), status, HEADERS)


def trouble(why: str, status: int, back: str = "/") -> Response:
    """Return a page that says why there is nothing to show, or why nothing was done, and leads ``back``."""
    return HTMLResponse(render("trouble.html", {"why": why, "status": status, "back": back}), status, HEADERS)


def plain(text: str, status: int) -> Response:
    """Return an answer for what is no page of ours."""
    return PlainTextResponse(text, status, HEADERS)


def refused(who: Caller, right: Right) -> str:
    """Return why somebody may not do something."""
    return f"{who.name} may not: {why_not(who, right, Extent.ANYWHERE)}"


def local_path(text: str) -> str:
    """Return a path on this server with its query; the overview for all else, so that nobody is led elsewhere."""
    plain_text = clean(text, 2_000)
    is_path = plain_text.startswith("/") and not plain_text.startswith("//") and "\\" not in plain_text
    return plain_text if is_path else "/"


def pack(kept: Kept | None) -> str:
    """Return a kept form as a text that another form carries."""
    return "" if kept is None else json.dumps([kept.path, [list(one) for one in kept.fields]])


def unpack(text: str) -> Kept | None:
    """Return what ``pack`` made; None for anything else."""
    try:
        path, fields = json.loads(text)
        kept = Kept(str(path), tuple((str(name), str(value)) for name, value in fields if name != CSRF))
    except (ValueError, TypeError, RecursionError):
        return None
    return kept if local_path(kept.path) == kept.path else None


def cookie_name(request: HttpRequest) -> str:
    """Return the name of the cookie with the session's key: cookies know no ports, so two plants need two names."""
    return f"aegisflow_session_{request.url.port or 0}"


def address(request: HttpRequest) -> str:
    """Return path and query of a request, quoted for a query."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path + query, safe="")
