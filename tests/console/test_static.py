import hashlib
import re

from aegisflow.console.render import STATIC, static_url
from tests.support.console_client import Browser
from tests.support.places import ROOT

# htmx.org 4.0.1: dist/htmx.min.js, dist/ext/hx-sse.min.js. uplot 1.6.32: dist/uPlot.iife.min.js, dist/uPlot.min.css.
VENDORED = {
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "hx-sse.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""File to the SHA-256 of what npm delivers, byte by byte."""
AXE_CORE = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of axe-core 4.14.1, axe.min.js."""
TEMPLATES = STATIC.parent / "templates"


def test_what_others_wrote_is_as_they_published_it() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").glob("*.min.*")}
    assert found == VENDORED
    assert {path.name for path in (STATIC / "vendor").glob("LICENSE.*")} == {"LICENSE.htmx", "LICENSE.uplot"}


def test_what_judges_the_pages_is_as_its_makers_published_it() -> None:
    assert hashlib.sha256((ROOT / "tests" / "vendor" / "axe.min.js").read_bytes()).hexdigest() == AXE_CORE


def test_nothing_is_written_into_a_page_that_its_policy_forbids() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style|hx-on|hx-vals=.js", text), path
        assert not re.search(r"<script(?![^>]* src=)", text), path


def test_nothing_comes_from_elsewhere() -> None:
    ours = [*TEMPLATES.rglob("*.html"), *STATIC.glob("*")]
    outside = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}")
    for path in ours:
        if path.is_file():
            found = [one for one in outside.findall(path.read_text()) if one != "http://www.w3.org"]
            assert found == [], path


def test_every_answer_has_the_policy(app, operator: Browser) -> None:
    for browser in (operator, Browser(app)):
        for path in ("/", "/alarms", "/alarms/never", "/sign-in", "/stream?of=/nowhere", static_url("console.js")):
            headers = browser.client.get(path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
            )
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"


def test_pages_are_kept_by_nobody_and_files_for_as_long_as_they_are_the_same(operator: Browser) -> None:
    assert operator.client.get("/").headers["cache-control"] == "no-store"
    assert "immutable" in operator.client.get(static_url("console.css")).headers["cache-control"]
    assert operator.client.get("/static/console.css").headers["cache-control"] == "no-cache"
    assert operator.client.get("/static/../app.py").status_code == 404
