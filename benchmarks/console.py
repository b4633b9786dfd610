"""The page for operators under load: what a viewer costs, and how soon an alarm is on the page.

``python -m benchmarks.console [SECONDS]`` runs a plant of 1,000 machines that takes 200 readings/s, and has 0, 1 and 8
open overview pages for so long each, in a process of their own. It prints one JSON line: the share of a core that the
server spends beyond what it spends without viewers, and the time from an alarm's commit to its event at a page.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, HttpSettings, ManualsSettings, StoreSettings
from aegisflow.console.app import console_routes
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.http.app import listen, web_server
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import build_operator_app
from aegisflow.plant.identities import Identities
from benchmarks import plants
from benchmarks.load import percentile

DEVICES, RATE, ALARM_EVERY_S = 1_000, 200, 1.0
USUAL = {"temperature": 75.0, "pressure": 31.5, "vibration": 1.2, "humidity": 40.0, "power_consumption": 21.0}
TOKEN = "token-of-the-benchmark"
HISTORY = 60
"""Readings of a machine that breaks out before it does."""


class Committed:
    """Notes when each alarm was committed."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, events: Sequence[AlarmEvent]) -> None:
        now = time.time()
        self.at |= {event.alarm.alarm_id: now for event in events if event.change is Change.RAISED}


def view(port: int, viewers: int, seconds: float) -> None:
    """Look at so many overviews for a while, and print when each alarm came to each."""
    seen: list[dict[str, float]] = [{} for _ in range(viewers)]
    threads = [threading.Thread(target=_look, args=(port, one, time.time() + seconds)) for one in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(seen))


def _look(port: int, seen: dict[str, float], until: float) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as there:
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{port}"}
        there.request("POST", "/sign-in", urlencode({"token": TOKEN}), form)
        answer = there.getresponse()
        answer.read()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        there.request("GET", "/", headers={"Cookie": cookie})
        page = there.getresponse().read().decode()
        stream = page.partition('hx-sse:connect="')[2].partition('"')[0].replace("&amp;", "&")
        there.request("GET", stream, headers={"Cookie": cookie, "Accept": "text/event-stream"})
        events = there.getresponse()
        while time.time() < until:
            line = events.readline().decode()
            now = time.time()
            for part in line.split('href="/alarms/')[1:]:
                seen.setdefault(part.partition('"')[0].replace("%40", "@"), now)


def measure(viewers: int, seconds: float) -> tuple[float, list[float]]:
    """Return CPU seconds of the server in a second, and the seconds from commits to pages."""
    with tempfile.TemporaryDirectory() as folder:
        bus, heard = FakeBus(), Committed()
        configuration = Configuration(
            path=Path(folder, "plant.yaml"),
            plant=plants.plant(DEVICES),
            store=StoreSettings(url=f"sqlite:///{folder}/bench.db"),
            clock=ClockSettings(max_age_s=400 * 86_400.0),
            manuals=ManualsSettings(folder=Path(folder, "manuals"), model="none"),
        )
        identities = Identities({"viewer": OperatorSpec(token_hash(TOKEN), Role.VIEWER)})
        with App(configuration, bus, listeners=(heard,), identities=identities) as app:
            operators = OperatorTokens(identities, "")
            web = build_operator_app(lambda: app.plant, operators, pages=console_routes(lambda: app.plant, operators))
            with closing(listen(HttpSettings(port=0), "")) as bound:
                server = web_server(web)
                thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
                thread.start()
                names, port = list(configuration.plant.devices), bound.getsockname()[1]
                _feed(bus, names, 5.0, [])
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.console",
                    "view",
                    str(port),
                    str(viewers),
                    str(seconds + 4),
                ]
                looking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                _feed(bus, names, 3.0, [])
                cpu, began = time.process_time(), time.monotonic()
                _feed(bus, names, seconds, names[::-1])
                share = (time.process_time() - cpu) / (time.monotonic() - began)
                seen = json.loads(looking.communicate(timeout=120)[0])
                server.should_exit = True
                thread.join()
    waits = [at - heard.at[alarm] for one in seen for alarm, at in one.items() if alarm in heard.at]
    return share, [wait for wait in waits if wait >= 0]


def _feed(bus: FakeBus, names: Sequence[str], seconds: float, probes: list[str]) -> None:
    """Send readings of all machines in turn, and have one break out now and then."""
    began, sent, alarms = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < seconds:
        while sent < passed * RATE:
            bus.deliver_reading(names[sent % (len(names) // 2)], time.time(), USUAL)
            sent += 1
        if probes and passed > alarms * ALARM_EVERY_S:
            name, now = probes[alarms], time.time()
            for number in range(HISTORY):
                hot = {"temperature": 160.0} if number > HISTORY - 8 else {"temperature": 75.0 + number % 3}
                bus.deliver_reading(name, now - 5.0 * (HISTORY - number), {**USUAL, **hot})
            alarms += 1
        time.sleep(0.005)


def main(seconds: float) -> dict[str, float]:
    """Return the figures."""
    none, _ = measure(0, seconds)
    one, alone = measure(1, seconds)
    eight, among = measure(8, seconds)
    return {
        "console_cpu_none_pct": round(100 * none, 1),
        "console_cpu_one_pct": round(100 * one, 1),
        "console_cpu_eight_pct": round(100 * eight, 1),
        "console_cpu_per_viewer_vs_one": round((eight - none) / 8 / (one - none), 2),
        "console_alarms_seen": float(len(alone) + len(among)),
        "console_alarm_p95_ms": round(1_000 * percentile(among, 0.95), 1),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["view"]:
        view(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        print(json.dumps(main(float((sys.argv[1:] or ["15"])[0]))))
