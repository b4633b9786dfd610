"""Make the pictures of the page for operators: ``python -m tests.support.console_pictures`` (``make pictures``)."""

import sys

from tests.support.chromium import WIDTHS, Watched, chromium
from tests.support.console_client import console_app
from tests.support.console_scene import ScenePlant
from tests.support.places import ROOT
from tests.support.web_server import serving

FOLDER = ROOT / "docs" / "console"


def pictures(plant: ScenePlant) -> dict[str, tuple[str, str, str]]:
    """Return file to page, width and scheme."""
    alarm = plant.alarms[0].alarm_id
    return {
        "overview.png": ("/", "desk", "light"),
        "alarms.png": ("/alarms", "desk", "dark"),
        "alarm.png": (f"/alarms/{alarm}", "desk", "light"),
        "approvals.png": ("/approvals", "desk", "light"),
        "phone.png": ("/", "phone", "dark"),
    }


def main() -> None:
    plant = ScenePlant()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serving(console_app(plant), ends_within_s=30) as port, chromium() as browser:
        for name, (path, width, scheme) in pictures(plant).items():
            wide, high = WIDTHS[width]
            context = browser.new_context(
                viewport={"width": wide, "height": high},
                color_scheme="dark" if scheme == "dark" else "light",
                timezone_id="Europe/Berlin",
                reduced_motion="reduce",
            )
            watched = Watched(context, f"http://127.0.0.1:{port}").sign_in("approver").open(path)
            if path.startswith("/alarms/"):
                watched.page.wait_for_selector(".trend canvas")
            watched.page.screenshot(path=FOLDER / name)
            context.close()
    sys.stdout.write(f"{len(pictures(plant))} pictures in {FOLDER}\n")


if __name__ == "__main__":
    main()
