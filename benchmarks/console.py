"""The page for operators under load: what a viewer costs, how soon an alarm is there, how long a page loads, memory.

``python -m benchmarks.console [SECONDS]`` runs a plant of 1,000 machines that takes 200 readings/s, and has 0, 1 and 8
open overview pages for so long each, in a process of their own. It prints one JSON line: the share of a core that the
server spends beyond what it spends without viewers, the time from an alarm's commit to its event at a page, and how
long the overview takes to load against an empty page of Starlette.

``python -m benchmarks.console memory [MINUTES [VIEWERS [SETTLE_S]]]``, 10, 8 and 240 left out, prints the resident
memory of the server every ten seconds while the same goes on, and every ten seconds a machine runs hot for half a
minute. Before that, whatever fills once is filled: the windows of the detectors, the page cache of the store and, until
the first alarms have ended, the list of those that are open. What the memory grows by then is a leak, unless readings
wait (``console_backlog``) because the machine is too slow.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, HttpSettings, ManualsSettings, StoreSettings
from aegisflow.console.app import console_routes
from aegisflow.console.feed import FRESH_S
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.errors import AegisFlowError
from aegisflow.http.app import listen, web_server
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import build_operator_app
from aegisflow.plant.identities import Identities
from benchmarks import plants
from benchmarks.load import percentile
from benchmarks.plants import committed
from benchmarks.subjects import resident_kb

DEVICES, RATE, ALARM_EVERY_S = 1_000, 200, 1.0
USUAL = {"temperature": 75.0, "pressure": 31.5, "vibration": 1.2, "humidity": 40.0, "power_consumption": 21.0}
TOKEN = "token-of-the-benchmark"
SOMEBODY = Caller("somebody", CallerKind.OPERATOR)
LOADS = 40
MEMORY_EVERY_S = 10.0
FILL_TURNS = 360
"""Readings of each machine before it begins, half an hour of them. The caches of the store hold 64 MiB for whoever
writes and 16 for whoever reads, and the store is larger by then."""
HOT_S, SETTLE_S = 30.0, 240.0
"""So long a machine runs hot, and in so long its alarm has ended: the off-delay is three minutes."""
NOISE = 0.01
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


def _sign_in(there: http.client.HTTPConnection, port: int) -> str:
    """Sign in and return the cookie."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{port}"}
    there.request("POST", "/sign-in", urlencode({"token": TOKEN}), form)
    answer = there.getresponse()
    answer.read()
    return (answer.getheader("Set-Cookie") or "").partition(";")[0]


def _look(port: int, seen: dict[str, float], until: float) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as there:
        cookie = _sign_in(there, port)
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


@dataclass(frozen=True)
class Served:
    """A plant that is served, and what is known of it from inside."""

    bus: FakeBus
    heard: Committed
    names: list[str]
    port: int
    empty_port: int
    """Where the same server answers an empty page, in the same process."""
    app: App
    folder: Path
    """Of the store."""


@contextmanager
def served() -> Iterator[Served]:
    """Run the plant with its page, and beside it an empty page of Starlette."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bus, heard = FakeBus(), Committed()
        configuration = Configuration(
            path=Path(folder, "plant.yaml"),
            plant=plants.plant(DEVICES),
            store=StoreSettings(url=f"sqlite:///{folder}/bench.db"),
            clock=ClockSettings(max_age_s=400 * 86_400.0),
            manuals=ManualsSettings(folder=Path(folder, "manuals"), model="none"),
        )
        identities = Identities({"viewer": OperatorSpec(token_hash(TOKEN), Role.VIEWER)})
        app = stack.enter_context(App(configuration, bus, listeners=(heard,), identities=identities))
        operators = OperatorTokens(identities, "")
        web = build_operator_app(lambda: app.plant, operators, pages=console_routes(lambda: app.plant, operators))
        port = stack.enter_context(_listening(web))
        empty_port = stack.enter_context(_listening(Starlette(routes=[Route("/", _empty)])))
        yield Served(bus, heard, list(configuration.plant.devices), port, empty_port, app, Path(folder))


async def _empty(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>Empty</title>")


@contextmanager
def _listening(web: Starlette) -> Iterator[int]:
    with closing(listen(HttpSettings(port=0), "")) as bound:
        server = web_server(web)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _child(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.console", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def measure(viewers: int, seconds: float) -> tuple[float, list[float]]:
    """Return CPU seconds of the server in a second, and the seconds from commits to pages."""
    with served() as plant:
        _feed(plant, 5.0, [])
        looking = _child("view", plant.port, viewers, seconds + 4)
        _feed(plant, 3.0, [])
        cpu, began = time.process_time(), time.monotonic()
        _feed(plant, seconds, plant.names[::-1])
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        seen = json.loads(looking.communicate(timeout=120)[0])
    waits = [at - plant.heard.at[alarm] for one in seen for alarm, at in one.items() if alarm in plant.heard.at]
    return share, [wait for wait in waits if wait >= 0]


def load_pages() -> dict[str, float]:
    """Return how long the overview takes to load, against an empty page of the same server under the same load."""
    with served() as plant:
        _feed(plant, 5.0, [])
        loading = _child("load", plant.port, plant.empty_port)
        while loading.poll() is None:
            _feed(plant, 0.5, [])
        found: dict[str, float] = json.loads(loading.communicate(timeout=120)[0])
    return found


def load(port: int, empty_port: int) -> dict[str, float]:
    """Load pages in turn: one whose picture of the plant is fresh, one that reads the plant first, and an empty one."""
    with (
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as there,
        closing(http.client.HTTPConnection("127.0.0.1", empty_port, timeout=60)) as other,
    ):
        cookie = _sign_in(there, port)
        took: dict[str, list[float]] = {"cold": [], "fresh": [], "empty": []}
        for _ in range(LOADS):
            time.sleep(2 * FRESH_S)
            for name, connection in (("cold", there), ("fresh", there), ("empty", other)):
                began = time.perf_counter()
                connection.request("GET", "/", headers={"Cookie": cookie})
                answer = connection.getresponse()
                answer.read()
                took[name].append(time.perf_counter() - began)
                if answer.status != 200:
                    raise RuntimeError(f"{name}: {answer.status}")

        cold, fresh, empty = (statistics.median(took[name]) for name in ("cold", "fresh", "empty"))
    return {
        "console_page_ms": round(1_000 * fresh, 2),
        "console_page_cold_ms": round(1_000 * cold, 2),
        "console_empty_page_ms": round(1_000 * empty, 2),
        "console_page_vs_empty": round(fresh / empty, 1),
        "console_page_cold_vs_empty": round(cold / empty, 1),
    }


def watch_memory(minutes: float, viewers: int, settle_s: float) -> dict[str, object]:
    """Return the resident memory of the server while so many look, in MB every ten seconds, and how it grows."""
    with served() as plant:
        shift = Shift(plant)
        filled = shift.fill()
        looking = _child("view", plant.port, viewers, settle_s + 60 * minutes)
        shift.run(settle_s)
        series, alarms, backlog = list[float](), list[int](), list[int]()
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            shift.run(MEMORY_EVERY_S)
            series.append(round(resident_kb() / 1_024, 1))
            alarms.append(len(plant.app.plant.active_alarms().value))
            backlog.append(shift.backlog())
        looking.communicate(timeout=120)
    hours = [MEMORY_EVERY_S * number / 3_600 for number in range(len(series))]
    slope = statistics.linear_regression(hours, series).slope if len(series) > 2 else 0.0
    return {
        "console_viewers": viewers,
        "console_store_mb_before": round(filled, 1),
        "console_open_alarms": [min(alarms), max(alarms)],
        "console_backlog": [min(backlog), max(backlog)],
        "console_rss_mb": series,
        "console_rss_range_mb": [min(series), max(series)],
        "console_rss_mb_per_hour": round(slope, 1),
    }


class Shift:
    """A plant in a steady state: machines report in turn, one runs hot now and then, and somebody acknowledges it."""

    def __init__(self, plant: Served) -> None:
        self._plant = plant
        self._names = plant.names
        self._each_s = len(self._names) / RATE
        self._random = Random(1)
        self._sent = 0
        self._hot: dict[str, float] = {}
        self._next_hot_at = 0.0
        self._acknowledged: set[str] = set()

    def fill(self) -> float:
        """Report what was in the last half hour, as fast as it is committed; return the size of the store in MB."""
        began = time.time() - FILL_TURNS * self._each_s
        for turn in range(FILL_TURNS):
            for name in self._names:
                self._report(name, began + turn * self._each_s)
            while self.backlog() > 2 * len(self._names):
                time.sleep(0.005)
        return sum(file.stat().st_size for file in self._plant.folder.glob("bench.db*")) / 1e6

    def backlog(self) -> int:
        """Return how many readings have been reported that are not committed."""
        return self._sent - committed(self._plant.app)

    def run(self, seconds: float) -> None:
        """Report what is now for so long."""
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            now = time.time()
            if now >= self._next_hot_at:
                self._hot[self._random.choice(self._names)] = now + HOT_S
                self._next_hot_at = now + MEMORY_EVERY_S
            while sent < passed * RATE:
                self._report(self._names[self._sent % len(self._names)], time.time())
                sent += 1
            self._acknowledge()
            time.sleep(0.005)

    def _report(self, name: str, at: float) -> None:
        values = {sensor: value * self._random.gauss(1.0, NOISE) for sensor, value in USUAL.items()}
        if self._hot.get(name, 0.0) > at:
            values["temperature"] = 160.0
        self._plant.bus.deliver_reading(name, at, values)
        self._sent += 1
        # The fake bus keeps these for tests; a broker forgets them.
        self._plant.bus.acknowledged.clear()

    def _acknowledge(self) -> None:
        for alarm_id in [one for one in list(self._plant.heard.at) if one not in self._acknowledged]:
            self._acknowledged.add(alarm_id)
            with suppress(AegisFlowError):
                self._plant.app.plant.acknowledge(alarm_id, SOMEBODY, "seen")


def _feed(plant: Served, seconds: float, probes: list[str]) -> None:
    """Send readings of all machines in turn, and have one break out now and then, as long as there are any left."""
    bus, names = plant.bus, plant.names
    began, sent, alarms = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < seconds:
        while sent < passed * RATE:
            bus.deliver_reading(names[sent % (len(names) // 2)], time.time(), USUAL)
            sent += 1
        if alarms < len(probes) and passed > alarms * ALARM_EVERY_S:
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
        **load_pages(),
    }


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["view", port, viewers, seconds]:
            view(int(port), int(viewers), float(seconds))
        case ["load", port, empty_port]:
            print(json.dumps(load(int(port), int(empty_port))))
        case ["memory", *more]:
            minutes, viewers, settle_s = (*more, *("10", "8", str(SETTLE_S))[len(more) :])
            print(json.dumps(watch_memory(float(minutes), int(viewers), float(settle_s))))
        case more:
            print(json.dumps(main(float((more or ["15"])[0]))))
