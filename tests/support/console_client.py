"""Somebody's browser in front of the page for operators: signs in, follows links, fills in forms."""

import re
from collections.abc import Iterable, Mapping
from html import unescape

from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from aegisflow.console.app import console_routes
from aegisflow.console.sessions import Sessions
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.http.app import MountedApp, build_http_app
from aegisflow.http.failures import FailedLogins
from aegisflow.http.guards import OperatorTokens
from aegisflow.plant.identities import Identities
from tests.support.memory_plant import MemoryPlant

PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN)
ADDRESS = "http://127.0.0.1"


def everyone() -> Identities:
    """Return who is known where the plant file names a person of each role, by the name of the role."""
    return Identities({str(role): OperatorSpec(token_hash(f"token-of-{role}"), role) for role in PEOPLE})


async def no_agents(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=404)(scope, receive, send)


class NothingToRun:
    """What agents need beside, which is nothing; an application with it can be served again."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        pass


def console_app(
    plant: MemoryPlant, sessions: Sessions | None = None, token: str = "", identities: Identities | None = None
):
    """Return the web application over a plant with its pages, and without agents."""
    operators = OperatorTokens(identities or plant.identities, token, FailedLogins(hold_s=0))
    pages = console_routes(lambda: plant, operators, sessions, fresh_s=0.0)
    agents = MountedApp(no_agents, NothingToRun())
    return build_http_app(agents, plant, token, lambda: b"", operators, pages=pages)


class Browser:
    """One browser of one person."""

    def __init__(self, app) -> None:
        self.client = TestClient(app, base_url=ADDRESS, client=("127.0.0.1", 50_000), follow_redirects=False)
        self.text = ""
        """Of the page that it shows."""
        self.status = 0
        self.at = ""

    def sign_in(self, name: str) -> "Browser":
        """Sign in with somebody's token, and look at the overview."""
        answer = self.client.post("/sign-in", data={"token": f"token-of-{name}"})
        assert answer.status_code == 303, answer.text
        return self.open("/")

    def open(self, path: str) -> "Browser":
        """Look at a page."""
        return self._take(self.client.get(path))

    def send(self, path: str, fields: Mapping[str, str | list[str]], headers: Mapping[str, str] | None = None):
        """Send a form with the secret of the page that is shown, and go where that leads."""
        return self.send_raw(path, {"csrf": self.csrf(), **fields}, headers)

    def send_raw(self, path: str, fields: Mapping[str, str | list[str]], headers: Mapping[str, str] | None = None):
        """Send a form as it is."""
        answer = self.client.post(path, data=dict(fields), headers=dict(headers or {}))
        if answer.status_code == 303:
            return self.open(answer.headers["location"])
        return self._take(answer)

    def csrf(self) -> str:
        """Return the secret of the page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        return found[1] if found else ""

    def fields(self) -> dict[str, str]:
        """Return the fields of a form that is shown to be sent again."""
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.text)
        texts = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', self.text, re.DOTALL)
        return {name: unescape(value) for name, value in (*hidden, *texts)}

    def shows(self, *texts: str) -> bool:
        """Return whether the page has all of these, as people read them."""
        read = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", self.text)))
        missing = [text for text in texts if text not in read]
        assert not missing, f"{missing} not in: {read}"
        return True

    def ids(self, pattern: str) -> list[str]:
        """Return the ids of elements that begin like this, in their order."""
        return re.findall(rf'id="({pattern}[^"]*)"', self.text)

    def _take(self, answer) -> "Browser":
        self.text, self.status, self.at = answer.text, answer.status_code, str(answer.url)
        return self


def attributes_of(text: str, names: Iterable[str]) -> list[str]:
    """Return the attributes of these names in a page."""
    return [found for name in names for found in re.findall(rf"<[^>]*\s({name}[a-z]*=)", text)]
