"""The page in Chromium: what only a browser can tell."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import pytest
from playwright.sync_api import Browser

from aegisflow.domain.alarms.links import AlarmLink
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.commands.model import CommandName, Stage
from tests.support.chromium import OF_COLOURS, RULES, WIDTHS, Watched, chromium
from tests.support.console_client import console_app
from tests.support.console_scene import AGENT, ScenePlant
from tests.support.web_server import serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
PAGES = (
    "/",
    "/alarms?state=all",
    "/alarms/{alarm}",
    "/machines/motor-03",
    "/commands/cmd-1/way-back",
    "/approvals",
    "/journal",
    "/journal/refused",
    "/journal/figures",
    "/handover",
    "/what-to-do",
    "/incidents",
    "/incidents/1",
    "/incidents/new?alarm={alarm}",
    "/manuals?text=leak",
    "/manuals/pump.md",
    "/agents",
)

SCHEMES: dict[Literal["light", "dark"], Sequence[str]] = {"light": RULES, "dark": OF_COLOURS}
"""In the dark only colours differ, so only the rules about these are asked again."""
_SIDEWAYS = """[...document.querySelectorAll(".scroll")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.getAttribute("aria-label")).join()"""
"""Tables whose last column, often the one that tells why, would be found by nobody on a phone."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def plant() -> ScenePlant:
    return ScenePlant()


@pytest.fixture
def address(plant: ScenePlant) -> Iterator[str]:
    with serving(console_app(plant), ends_within_s=30) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield Watched(context, address)
    context.close()


def judged(watched: Watched) -> list[str]:
    """Return what is wrong with a page on a desk and on a phone, in light and in dark, and where it is too wide."""
    found = []
    for device, (wide, high) in WIDTHS.items():
        watched.page.set_viewport_size({"width": wide, "height": high})
        for scheme, rules in SCHEMES.items():
            watched.page.emulate_media(color_scheme=scheme)
            found += [f"{device}, {scheme}: {one}" for one in watched.violations(rules)]
        overhang = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{device}: too wide by {overhang}"] if overhang > 0 else []
        hidden = watched.page.evaluate(_SIDEWAYS)
        found += [f"{device}: {hidden} to be scrolled sideways to"] if hidden else []
    return found


def test_every_page_is_for_everybody_and_asks_nobody_else(browser, address, plant) -> None:
    context = browser.new_context()
    watched = Watched(context, address)
    watched.page.goto(f"{address}/alarms")
    found = {"/sign-in": judged(watched)}
    link = AlarmLink(plant.alarms[0].alarm_id, "operator", plant.alarms[0].severity, plant.now())
    watched.page.goto(f"{address}/acknowledge/{plant.signer.write(link)}")
    found["/acknowledge"] = judged(watched)
    watched.sign_in("admin")
    for path in PAGES:
        found[path] = judged(watched.open(path.format(alarm=plant.alarms[0].alarm_id)))
    context.close()
    assert {path: texts for path, texts in found.items() if texts} == {}
    assert watched.complaints == []
    assert watched.elsewhere == []


def test_a_night_shift_from_alarm_to_approved_command_to_report_by_keyboard_alone(plant, watched: Watched) -> None:
    page, keys = watched.page, watched.page.keyboard
    alarm_id = plant.alarms[0].alarm_id
    watched.sign_in("approver")
    watched.tab_to("#wrong .row a")
    keys.press("Enter")
    page.wait_for_url("**/alarms/*")
    watched.tab_to("#ack-note")
    keys.type("Seen, I look into it.")
    keys.press("Enter")
    page.wait_for_selector("text=acknowledged.")
    assert plant.acknowledged[0][0] == alarm_id
    watched.tab_to('nav a[href="/approvals"]')
    keys.press("Enter")
    page.wait_for_url("**/approvals")
    watched.tab_to('#cards input[name="name"]')
    keys.type("compressor-01")
    keys.press("Enter")
    page.wait_for_selector("text=reduce load for compressor-01: approved.")
    assert plant.requests[0].stage is Stage.APPROVED
    watched.open(f"/alarms/{alarm_id}")
    watched.tab_to('a[href^="/incidents/new"]')
    keys.press("Enter")
    page.wait_for_url("**/incidents/new*")
    for name in ("title", "root_cause", "actions_taken", "outcome"):
        watched.tab_to(f'[name="{name}"]')
        keys.type(f"My words about the {name}")
    watched.tab_to("form[action='/incidents'] button")
    keys.press("Enter")
    page.wait_for_selector("text=is stored.")
    assert plant.reports[-1].alarm_id == alarm_id
    assert watched.complaints == []


def test_many_alarms_are_chosen_and_acknowledged_from_the_list_by_keyboard(plant, watched: Watched) -> None:
    watched.sign_in("operator").open("/alarms?state=unacknowledged")
    watched.tab_to(".alarms .row input")
    for key in ("Space", "ArrowDown", "Space", "n"):
        watched.page.keyboard.press(key)
    watched.page.keyboard.type("Both seen.")
    assert watched.page.text_content("#chosen") == "2"
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_selector("text=2 alarms acknowledged.")
    assert {note for _, _, note in plant.acknowledged} == {"Both seen."}


def test_a_shelved_alarm_comes_back_by_itself_and_typing_goes_on(plant: ScenePlant, watched: Watched) -> None:
    watched.sign_in("operator").open("/alarms")
    note = watched.page.locator("#many [name=note]")
    note.focus()
    watched.page.keyboard.type("Half a sen")
    assert watched.page.locator(".alarms .row").count() == 3
    plant.alarms[3] = replace(plant.alarms[3], state=AlarmState.UNACKNOWLEDGED, shelved_until=None)
    watched.page.wait_for_selector(".alarms .row:nth-child(4)")
    watched.page.keyboard.type("tence")
    assert note.input_value() == "Half a sentence"


def test_the_second_of_two_people_is_told_that_the_first_was_faster(browser, address, watched: Watched) -> None:
    watched.sign_in("approver").open("/approvals")
    context = browser.new_context()
    second = Watched(context, address).sign_in("admin")
    # They press before their page hears of it: a stream that is open already would go on, so it is cut before.
    context.route("**/stream*", lambda route: route.abort())
    second.page.goto(f"{address}/approvals")
    third_context = browser.new_context()
    third = Watched(third_context, address).sign_in("approver").open("/approvals")
    for one in (second, third):
        one.page.locator('#cards input[name="name"]').fill("compressor-01")
    watched.page.locator('#cards input[name="reason"]').fill("The machine is needed.")
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_selector("text=is rejected; nothing was sent.")
    second.page.locator('#cards input[name="name"]').press("Enter")
    second.page.wait_for_selector("text=does not wait any more: rejected by approver: The machine is needed.")
    second.page.go_back()
    second.page.wait_for_selector("#cards :text('No longer waits: rejected by approver')")
    third.page.wait_for_selector("#cards :text('No longer waits: rejected by approver: The machine is needed.')")
    assert third.page.locator('#cards input[name="name"]').count() == 0
    context.close()
    third_context.close()


def test_whoever_types_is_not_disturbed_while_the_facts_of_a_card_change_and_others_come(plant, watched) -> None:
    watched.sign_in("approver").open("/approvals")
    page, name = watched.page, watched.page.locator('#cards input[name="name"]').first
    name.focus()
    page.keyboard.type("compr")
    plant.facts_now = ("vibration rises to 4.9 mm/s",)
    page.wait_for_selector("text=vibration rises to 4.9 mm/s")
    page.keyboard.type("essor")
    plant.request_command("pump-01", CommandName.RESTART, {}, AGENT, "It has cooled down.")
    page.wait_for_selector("#cards :text('It has cooled down.')")
    page.keyboard.type("-01")
    assert name.input_value() == "compressor-01"
    page.keyboard.press("Enter")
    page.wait_for_selector("text=reduce load for compressor-01: approved.")


def test_a_stream_that_is_cut_is_told_and_what_happened_meanwhile_is_shown_once_it_is_back(browser, plant) -> None:
    app, context = console_app(plant), browser.new_context()
    with serving(app, ends_within_s=30) as port:
        watched = Watched(context, f"http://127.0.0.1:{port}").sign_in("operator")
    watched.page.wait_for_selector("text=The connection to AegisFlow is lost.")
    assert watched.page.get_attribute("body", "class") == "is-old"
    plant.alarms[2] = replace(plant.alarms[2], state=AlarmState.ACKNOWLEDGED, acknowledged_by="ben", note="Seen.")
    with serving(app, port=port, ends_within_s=30):
        watched.live()
        watched.page.wait_for_selector("text=Acknowledged by ben")
        assert watched.page.is_hidden("#lost")
    context.close()


def test_times_are_the_plants_in_the_viewers_zone_whatever_the_browsers_clock_says(browser, address) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    context.add_init_script("const real = Date.now; Date.now = () => real() + 86400000;")
    watched = Watched(context, address).sign_in("viewer").open("/approvals")
    assert watched.page.text_content("#zone") == "Asia/Tokyo"
    watched.page.wait_for_selector("text=17:15:00")  # 08:15 UTC
    assert (watched.page.text_content('#cards time[data-form="left"]') or "").startswith(("15 min", "14 min"))
    watched.open("/alarms")
    assert (watched.page.text_content('.alarms time[data-form="ago"]') or "").startswith("15 min")
    # A time that is written is one of the viewer's zone, too, and is sent as what it is in UTC.
    watched.open("/journal?start=2026-01-31T07:00")
    start = watched.page.locator("input[type=datetime-local]").first
    assert start.input_value() == "2026-01-31T16:00"
    start.fill("2026-01-31T16:30")
    start.press("Enter")
    watched.page.wait_for_url("**start=2026-01-31T07%3A30*")
    context.close()


def test_sound_begins_with_a_click_and_ends_with_the_acknowledgement(plant: ScenePlant, watched: Watched) -> None:
    watched.sign_in("operator")
    heard = "document.addEventListener('sounded', one => { document.documentElement.dataset.heard = one.detail; })"
    watched.page.evaluate(heard)
    watched.page.click("#sound")
    watched.page.wait_for_selector('html[data-heard="critical"]')
    plant.alarms = [replace(one, state=AlarmState.ACKNOWLEDGED) for one in plant.alarms]
    watched.page.wait_for_selector('#sounding-now[data-severity=""]', state="attached")


def test_a_machine_that_leaves_the_plant_while_its_page_is_open_is_told(plant: ScenePlant, watched: Watched) -> None:
    watched.sign_in("viewer").open("/machines/pump-03")
    devices = {name: spec for name, spec in plant.spec.devices.items() if name != "pump-03"}
    plant.spec = replace(plant.spec, devices=devices)
    watched.page.wait_for_selector("text=There is nothing more to show here")
