"""A sign-in by the service in Chromium, which keeps cookies from the way back from another site."""

import pytest

from aegisflow.bus.embedded import free_port
from aegisflow.domain.people import SignInSpec
from aegisflow.domain.rights import Grant, Role
from aegisflow.plant.identities import Identities
from tests.support.chromium import WIDTHS, Watched, chromium
from tests.support.console_client import console_app
from tests.support.memory_plant import MemoryPlant
from tests.support.sign_in_service import CLIENT, sign_in_server
from tests.support.web_server import serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def test_somebody_comes_back_from_another_site_and_is_signed_in_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    port = free_port()
    # To a browser localhost and 127.0.0.1 are two sites, as a plant and its sign-in service are.
    address = f"http://localhost:{port}"
    with sign_in_server() as service, chromium() as browser:
        spec = SignInSpec(service.url, CLIENT, address, {"plant-approvers": Grant(Role.APPROVER)})
        plant = MemoryPlant(identities=Identities(sign_in=spec))
        with serving(console_app(plant), port=port, ends_within_s=30):
            watched = Watched(browser.new_context(), address)
            watched.page.goto(f"{address}/alarms")
            for wide, high in WIDTHS.values():
                watched.page.set_viewport_size({"width": wide, "height": high})
                assert watched.violations() == []
            watched.page.get_by_role("button", name="Sign in by").click()
            watched.live()
            assert watched.page.url == f"{address}/alarms"
            (signed_in,) = plant.audited
            assert signed_in.actor.startswith("Anna Muster ‹")
            assert watched.page.get_by_text(signed_in.actor).is_visible()
            assert "aegisflow_signing_in" not in str(watched.page.context.cookies())
            assert watched.complaints == []
            assert all(url.startswith(service.url) for url in watched.elsewhere)
            watched.page.reload()
            watched.live()
            # From another site nothing of it is sent along: a link there shows the way in, and no page.
            watched.page.goto(service.url)
            watched.page.evaluate(f"location.href = {address + '/approvals'!r}")
            watched.page.wait_for_url(f"{address}/approvals")
            assert watched.page.get_by_role("button", name="Sign in by").is_visible()
