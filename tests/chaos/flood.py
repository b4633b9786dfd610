"""``python -m tests.chaos.flood --devices 500``: every device fails at once, and how soon people are told of each.

A second is counted from the stamp of the reading that raised the alarm, by the machine that sent it, to the webhook.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.chaos.pumps import serving_pumps, told_in_words, took
from tests.chaos.sender import device_names
from tests.support.broker import Mosquitto
from tests.support.ending import leave_nothing_behind
from tests.support.places import ROOT
from tests.support.waiting import eventually

HEALTHY_S, HOT_S = 60.0, 30.0
TOLD_WITHIN_S = 300.0
SENT_WITHIN_S = 600.0
"""How much longer than it should the sender may take: on a busy machine the broker keeps it waiting."""


def flood(devices: int, rate: float) -> tuple[list[float], list[str]]:
    """Return how long it took until people were told of each device, in seconds, and what does not hold."""
    names, told = device_names(devices), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="aegisflow-flood-") as name:
        folder = Path(name)
        for part in ("broker", "plant"):
            (folder / part).mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            with serving_pumps(folder / "plant", broker, names, told) as serve:
                began = time.time()
                numbers = [broker.port, devices, rate, HEALTHY_S + HOT_S, HEALTHY_S]
                command = [sys.executable, "-m", "tests.chaos.sender", *map(str, numbers)]
                within_s = HEALTHY_S + HOT_S + SENT_WITHIN_S
                subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=within_s)
                with suppress(AssertionError):
                    eventually(lambda: len(took(serve, told, began)) == devices, TOLD_WITHIN_S, every_s=1.0)
                found = took(serve, told, began)
        finally:
            broker.stop()
    missing = sorted(set(names) - set(found))
    return list(found.values()), [f"nobody was told of {len(missing)} devices: {missing[:3]}"] if missing else []


def main() -> int:
    """Return 0 if people were told of every device."""
    leave_nothing_behind()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.flood", description=__doc__)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rate", type=float, default=500.0, help="readings a second, of all devices")
    given = parser.parse_args()
    seconds, found = flood(given.devices, given.rate)
    print(told_in_words(seconds, given.devices))
    print(*(found or ["nobody was forgotten"]), sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
