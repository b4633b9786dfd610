"""How people come in and leave: by their operator's token, or by the sign-in service of ``plant.yaml``.

::

    token ──► session
    sign-in service:  page ──► POST /sign-in/openid ──► leaving page ──► service
                      session ◄── arriving page ◄── GET /sign-in/openid/back ◄──┘

Browsers do not send a cookie with SameSite=Strict on the way back from another site, nor where that way goes on by a
redirection. So both ways lead over a page of ours: what moves on from there begins here. A cookie with SameSite=Lax,
for one sign-in of ten minutes, shows that the browser which comes back is the one that left.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from aegisflow.api.text import clean
from aegisflow.console import answers
from aegisflow.console.answers import HEADERS
from aegisflow.console.forms import Kept
from aegisflow.console.render import render
from aegisflow.console.sessions import Session, Sessions
from aegisflow.console.signing_in import LASTS_S, MAX_KEPT, SignInBegun, SignIns
from aegisflow.console.visit import Act
from aegisflow.domain.callers import Caller
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.people import ProvedPerson, SignInSpec
from aegisflow.errors import AegisFlowError, NotAllowedError, UnavailableError
from aegisflow.http.failures import WITHIN_S, address_of
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.openid import SignInService
from aegisflow.plant.protocol import PlantSource

__all__ = ["SIGN_IN", "Door"]

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
LEAVE = "/sign-in/openid"
BACK = "/sign-in/openid/back"
_KEPT = "kept"
_AGAIN = "sign in with your operator's token, or try again"

log = structlog.get_logger(__name__)


class Door:
    """Knows who is signed in, and signs people in and out.

    Args:
        plant: called for whoever comes and goes, which the audit keeps.
        operators: knows people by their tokens.
        sessions: who is signed in.
        act_at: returns what a form of this path does, so that one can be shown again.
        sign_ins: those under way.
    """

    def __init__(
        self,
        plant: PlantSource,
        operators: OperatorTokens,
        sessions: Sessions,
        act_at: Callable[[str], Act | None],
        sign_ins: SignIns | None = None,
    ) -> None:
        self._plant = plant
        self._operators = operators
        self._identities = operators.identities
        self._sessions = sessions
        self._act_at = act_at
        self._sign_ins = sign_ins or SignIns()

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(SIGN_IN, self._ask, methods=["GET"]),
            Route(SIGN_IN, self._by_token, methods=["POST"]),
            Route(SIGN_OUT, self._out, methods=["POST"]),
            Route(LEAVE, self._leave, methods=["POST"]),
            Route(BACK, self._back, methods=["GET"]),
        ]

    def who(self, request: HttpRequest) -> tuple[Session, Caller] | None:
        """Return the session of a browser and whose it is; None where it has ended, or what it was begun with has."""
        return self.known(request.cookies.get(answers.cookie_name(request), ""))

    def known(self, key: str) -> tuple[Session, Caller] | None:
        """Return the session of a key and whose it is now; None where it has ended, or what it was begun with has."""
        session = self._sessions.find(key)
        who = self._identities.person(session.shown) if session else None
        return (session, who) if session and who else None

    def page(self, goal: str, kept: Kept | None = None, why: str = "", status: int = 200) -> Response:
        """Return the page that lets people sign in, and goes on to ``goal`` or with the form that was ``kept``."""
        spec = self._identities.sign_in
        return answers.sign_in_page(goal, kept, why, status, "" if spec is None else urlsplit(spec.issuer).netloc)

    async def _ask(self, request: HttpRequest) -> Response:
        return self.page(answers.local_path(request.query_params.get("next", "/")))

    async def _by_token(self, request: HttpRequest) -> Response:
        form = await answers.sent_form(request, "sign anybody in here")
        if isinstance(form, Response):
            return form
        goal, kept = answers.local_path(form.text("next")), answers.unpack(form.text(_KEPT))
        address, failures = address_of(request.scope), self._operators.failures
        barred = failures.barred(address)
        who = self._operators.who(f"Bearer {form.text('token')}", address, "page")
        if who is None:
            await failures.hold(address)
            why = f"Too many wrong tokens. Wait {WITHIN_S:.0f} seconds." if barred else "This token opens nothing."
            return self.page(goal, kept, why, 429 if barred else 401)
        shown = token_hash(form.text("token"))
        log.info("signed_in", name=who.name, address=address, role=who.standing)
        await self._note(who, lambda: self._plant().note_sign_in(who, address, shown))
        answer: Response = RedirectResponse(goal, 303, HEADERS)
        return self._signed_in(request, shown, kept, answer, request.url.scheme == "https")

    async def _note(self, who: Caller, note: Callable[[], None]) -> None:
        """Have it kept in the audit that somebody has come or gone."""
        try:
            await run_in_threadpool(note)
        except AegisFlowError as error:  # whoever wants to stop the agents comes in also while the store is away
            log.warning("sign_in_not_in_audit", name=who.name, reason=str(error))

    def _signed_in(
        self, request: HttpRequest, shown: str | ProvedPerson, kept: Kept | None, answer: Response, secure: bool
    ) -> Response:
        """Return the answer, or the form that was kept, with the cookie of a session that begins."""
        key = self._sessions.begin(shown)
        session = self._sessions.find(key)
        if kept is not None and session is not None:
            why = "You have been signed in. Nothing has been sent yet."
            answer = answers.again(session, kept, why, 200, self._act_at(kept.path))
        answer.set_cookie(answers.cookie_name(request), key, httponly=True, samesite="strict", secure=secure, path="/")
        return answer

    async def _out(self, request: HttpRequest) -> Response:
        form = await answers.sent_form(request, "sign anybody out here")
        if isinstance(form, Response):
            return form
        # Also by a form of an earlier session, in a tab that stayed open: whoever wants to be out is.
        known = self.who(request)
        self._sessions.end(request.cookies.get(answers.cookie_name(request), ""))
        if known is not None:  # a session that has ended by itself is nobody's, whoever asks
            _, who = known
            await self._note(who, lambda: self._plant().note_sign_out(who, address_of(request.scope)))
        answer = RedirectResponse(SIGN_IN, 303, HEADERS)
        answer.delete_cookie(answers.cookie_name(request), path="/")
        return answer

    # --- by the sign-in service ---------------------------------------------------------------

    async def _leave(self, request: HttpRequest) -> Response:
        """Begin a sign-in, and send the browser to the service."""
        form = await answers.sent_form(request, "sign anybody in here")
        if isinstance(form, Response):
            return form
        spec = self._identities.sign_in
        goal, kept = answers.local_path(form.text("next")), answers.unpack(form.text(_KEPT))
        if spec is None:
            return self.page(goal, kept, "There is no sign-in service here; sign in with your operator's token.", 404)
        if request.headers.get("host", "").lower() != urlsplit(spec.page_url).netloc.lower():
            # The service leads back to that address, whose cookies are others than those of this one.
            return self.page(goal, kept, f"Signing in by the service works at {spec.page_url} alone.", 409)
        if kept is not None and len(answers.pack(kept)) > MAX_KEPT:
            why = "Your text is too long to be kept meanwhile: sign in with your token, or copy it first."
            return self.page(goal, kept, why, 413)
        begun = SignInBegun(spec, goal, kept, address_of(request.scope))
        try:
            url = await run_in_threadpool(SignInService(spec).address, begun.asked)
        except UnavailableError as error:
            return self.page(goal, kept, f"{error}; {_AGAIN}.", 503)
        self._sign_ins.keep(begun)
        answer = HTMLResponse(render("leaving.html", {"url": url, "where": urlsplit(spec.issuer).netloc}), 200, HEADERS)
        answer.set_cookie(
            _cookie(spec, begun.asked.state),
            begun.secret,
            max_age=int(LASTS_S),
            httponly=True,
            samesite="lax",
            secure=_is_https(spec),
            path="/",
        )
        return answer

    async def _back(self, request: HttpRequest) -> Response:
        """End a sign-in with what the service has sent back with the browser."""
        given, address = request.query_params, address_of(request.scope)
        spec, state = self._identities.sign_in, given.get("state", "")
        name = "" if spec is None else _cookie(spec, state)
        begun = self._sign_ins.take(state, request.cookies.get(name, ""))
        try:
            if spec is None or begun is None or begun.spec != spec:
                why = f"it was used, was begun in another browser, or took longer than {LASTS_S / 60:.0f} minutes"
                raise NotAllowedError("sign in", "this sign-in", why)
            person = await self._proved(begun, given.get("code", ""), given.get("error", ""), given.get("iss", ""))
            answer = await self._welcome(request, begun, person)
        except UnavailableError as error:
            return self._refused(begun, f"{error}; {_AGAIN}.", 503, name)
        except NotAllowedError as error:
            self._operators.failures.failed(address, "service")
            await self._operators.failures.hold(address)
            return self._refused(begun, f"{error}.", 403, name)
        answer.delete_cookie(name, path="/", secure=_is_https(spec), httponly=True, samesite="lax")
        return answer

    async def _proved(self, begun: SignInBegun, code: str, error: str, issuer: str) -> ProvedPerson:
        if issuer and issuer != begun.spec.issuer:  # RFC 9207: the answer of another service, mixed up
            raise NotAllowedError("sign in", "this answer", "it is of another sign-in service")
        if error or not code:
            why = f"the sign-in service says {clean(error, 60) or 'nothing'}"
            raise NotAllowedError("sign in", "you", why)
        return await run_in_threadpool(SignInService(begun.spec).prove, code, begun.asked)

    async def _welcome(self, request: HttpRequest, begun: SignInBegun, person: ProvedPerson) -> Response:
        by = self._identities.welcome(person)
        if by is None and self._identities.is_revoked(person.key):
            raise NotAllowedError("sign in", person.shown, "an administrator has revoked that")
        if by is None:
            listed = clean(", ".join(person.roles), 200) or "none"
            why = f"none of your roles opens anything here; an administrator of the plant maps them (yours: {listed})"
            raise NotAllowedError("sign in", person.shown, why)
        log.info("signed_in", name=by.name, subject=person.subject, issuer=person.issuer, role=by.standing)
        await self._note(by, lambda: self._plant().note_sign_in(by, address_of(request.scope), person))
        onward = HTMLResponse(render("arriving.html", {"goal": begun.goal, "name": by.name}), 200, HEADERS)
        return self._signed_in(request, person, begun.kept, onward, _is_https(begun.spec))

    def _refused(self, begun: SignInBegun | None, why: str, status: int, cookie: str) -> Response:
        # Whoever began it wants to go there all the same, by a token or another time, and their text must not be lost.
        goal, kept = ("/", None) if begun is None else (begun.goal, begun.kept)
        answer = self.page(goal, kept, why[:1].upper() + why[1:], status)
        if cookie:
            answer.delete_cookie(cookie, path="/", secure=cookie.startswith("__Host-"))
        return answer


def _is_https(spec: SignInSpec) -> bool:
    return spec.page_url.startswith("https://")


def _cookie(spec: SignInSpec, state: str) -> str:
    """Return the name of the cookie of one sign-in: with several tabs there are several."""
    return f"{'__Host-' if _is_https(spec) else ''}aegisflow_signing_in_{token_hash(state)[:12]}"
