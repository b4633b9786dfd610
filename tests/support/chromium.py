"""Chromium in front of the page for operators."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.places import ROOT

AXE = ROOT / "tests" / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that may find something else once only colours have changed."""
WIDTHS = {"desk": (1280, 800), "phone": (390, 844)}
PATIENCE_MS = 60_000
"""How long anything may take on a machine that is slow and busy."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium; skips where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page in the browser, and all that must not happen on it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.address = address
        self.complaints: list[str] = []
        """What the browser refused, and what a script of ours stumbled over."""
        self.elsewhere: list[str] = []
        """Requests to any other server."""
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        # That nobody is signed in yet, or that a server is away on purpose, is no mistake of the page.
        if "Content Security Policy" in text or (kind == "error" and "Failed to load resource" not in text):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.elsewhere.append(url)

    def sign_in(self, name: str) -> "Watched":
        """Sign in by keyboard."""
        self.page.goto(f"{self.address}/")
        self.tab_to("#token")  # it has the focus by itself, but not at once on a busy machine
        self.page.keyboard.type(f"token-of-{name}")
        self.page.keyboard.press("Enter")
        self.live()
        return self

    def open(self, path: str) -> "Watched":
        """Look at a page, and wait until it is alive."""
        self.page.goto(f"{self.address}{path}")
        self.live()
        return self

    def live(self) -> None:
        """Wait until the page hears from the server."""
        self.page.wait_for_selector("#alive.is-live")

    def violations(self, rules: Sequence[str] = RULES) -> list[str]:
        """Return what axe finds by its rules, or groups of rules, of these names.

        It is brought into a page once, past the page's policy, as a debugger may.
        """
        session = self.page.context.new_cdp_session(self.page)
        there = session.send("Runtime.evaluate", {"expression": "typeof axe", "returnByValue": True})
        if there["result"]["value"] == "undefined":
            session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
        asked = f"axe.run({{runOnly: {json.dumps(list(rules))}}}).then(found => JSON.stringify(found.violations))"
        answer = session.send("Runtime.evaluate", {"expression": asked, "awaitPromise": True, "returnByValue": True})
        session.detach()
        found = json.loads(answer["result"]["value"])
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]

    def tab_to(self, selector: str) -> None:
        """Press Tab until the element has the focus."""
        for _ in range(200):
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached with Tab")
