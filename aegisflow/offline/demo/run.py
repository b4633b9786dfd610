"""The demo from curtain to curtain."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TextIO

from aegisflow.app import App
from aegisflow.bus.embedded import start_embedded_broker
from aegisflow.config import HttpSettings, load
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change
from aegisflow.domain.times import Period, format_duration, format_instant
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import BadValueError, ListenError, UnavailableError
from aegisflow.offline.demo.replaying import DemoReplay, Sent
from aegisflow.offline.demo.score import Labelled, judge, read_labels
from aegisflow.offline.demo.screen import Screen
from aegisflow.offline.demo.setting import Setting, clear_store, connect_command, mcp_servers, record_day, write_plant
from aegisflow.offline.demo.story import DemoOutcome, summarise, tell
from aegisflow.plant.protocol import Plant
from aegisflow.telemetry.logs import configure_logs

LOOK_S = 0.25
"""Between two looks at how far it is."""
CONNECT_S = 30.0
DRAIN_S = 120.0
"""For what is still under way when the last reading is sent."""
DAY_S = 86_400.0
PAGE = 100


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a person may choose."""

    plant: Path = Path("config/plant.yaml")
    folder: Path = Path("var/demo")
    minutes: float = 2.0
    """How long the simulated day takes."""
    speed: float | None = None
    """Simulated seconds per second, instead of ``minutes``; 0 is as fast as it goes."""
    port: int = 0
    """Of the embedded broker; 0 is any free one."""
    seed: int = 42


def run_demo(options: DemoOptions | None = None, out: TextIO | None = None) -> int:
    """Run the demo and return the exit code: 0 when every reading sent is stored, 1 otherwise, 130 after Ctrl-C.

    Raises:
        AegisFlowError: why it cannot begin or go on.
    """
    options = options or DemoOptions()
    speed = _speed(options)
    setting = Setting(options.folder)
    screen = Screen(out or sys.stdout)
    try:
        with ExitStack() as stack:
            return _play(options, speed, setting, screen, stack)
    except KeyboardInterrupt:
        screen.say("\nStopped by you; what was received so far is stored.")
        return 130


def _play(options: DemoOptions, speed: float, setting: Setting, screen: Screen, stack: ExitStack) -> int:
    screen.say("Preparing a recorded day, a broker and a plant ...")
    clear_store(setting)
    configure_logs("info", file=stack.enter_context(setting.log.open("w", encoding="utf-8")))
    stack.callback(configure_logs, "warning")
    record_day(setting, options.seed)
    labelled = read_labels(setting.recording)
    broker = stack.enter_context(start_embedded_broker(options.port))
    http_port = _free_http_port(load(options.plant, {}).http)
    write_plant(setting, options.plant, broker, http_port)
    configuration = load(setting.plant, {})
    heard: SimpleQueue[AlarmEvent] = SimpleQueue()

    def hear(events: tuple[AlarmEvent, ...]) -> None:
        for event in events:
            heard.put(event)

    app = stack.enter_context(App(configuration, listeners=(hear,)))
    stack.enter_context(_serving(app, configuration.http))
    _wait_until(lambda: app.plant.health().broker_connected, CONNECT_S, "the broker")
    began = time.monotonic()
    screen.say(_prologue(setting, labelled, f"{broker.kind} on {broker.host}:{broker.port}", http_port, app.plant))
    with screen.progress() as bar, DemoReplay(setting.recording, broker, speed, screen.say) as replay:
        told = _Telling(app.plant, heard, screen)
        while replay.running:
            told.look(replay.progress)
            bar(replay.progress, told.stored, told.alarms)
        sent = replay.finish()
        _wait_until(lambda: _drained(app.plant, sent), DRAIN_S, "the store")
        told.look(sent)
        bar(sent, told.stored, told.alarms)
    screen.say("Counting what is stored ...")
    outcome = _outcome(app.plant, labelled, sent, time.monotonic() - began)
    screen.say("\n" + summarise(outcome) + "\n")
    screen.say(_epilogue(setting))
    return 0 if outcome.stored >= outcome.sent == labelled.rows else 1


def _speed(options: DemoOptions) -> float:
    """Return the simulated seconds per second; 0 is as fast as it goes."""
    if options.speed is not None:
        if not 0 <= options.speed < inf:
            raise BadValueError("speed", options.speed, "0 or more simulated seconds per second")
        return options.speed
    if not 0 < options.minutes < inf:
        raise BadValueError("minutes", options.minutes, "more than 0")
    return DAY_S / (60 * options.minutes)


class _Telling:
    """Tells alarms as they are committed."""

    def __init__(self, plant: Plant, heard: "SimpleQueue[AlarmEvent]", screen: Screen) -> None:
        self._plant, self._heard, self._screen = plant, heard, screen
        self.stored = 0
        self.alarms = 0

    def look(self, progress: Sent) -> None:
        """Tell what there is, for LOOK_S."""
        inventory = self._plant.inventory()
        until = time.monotonic() + LOOK_S
        while (rest := until - time.monotonic()) > 0:
            with suppress(Empty):
                event = self._heard.get(timeout=rest)
                self.alarms += event.change is Change.RAISED
                line = tell(event, inventory)
                if line is not None:
                    self._screen.tell(event.change, line)
        self.stored = self._plant.health().store.committed_readings


def _drained(plant: Plant, sent: Sent) -> bool:
    health = plant.health()
    return health.received >= sent.acknowledged and not health.unsettled and not health.store.pending


def _outcome(plant: Plant, labelled: Labelled, sent: Sent, seconds: float) -> DemoOutcome:
    health = plant.health()
    period = Period(labelled.start + sent.shift, labelled.end + sent.shift + 1)
    devices = plant.inventory().devices
    stored = sum(plant.sensor_stream(device_id, (), period, 1).value.readings for device_id in devices)
    faults = [replace(truth, start=truth.start + sent.shift, end=truth.end + sent.shift) for truth in labelled.faults]
    alarms = tuple(_history(plant))
    return DemoOutcome(
        simulated_s=labelled.end - labelled.start,
        seconds=seconds,
        devices=len(devices),
        sent=sent.acknowledged,
        received=health.received,
        stored=stored,
        refused=health.rejected,
        score=judge(faults, alarms),
        alarms_stored=len(alarms),
    )


def _history(plant: Plant) -> Iterator[Alarm]:
    """Give all alarms that the store has."""
    query = AlarmQuery(limit=PAGE)
    while True:
        page = plant.alarm_history(query).value.alarms
        yield from page
        if len(page) < PAGE:
            return
        query = replace(query, before=(page[-1].raised_at, page[-1].alarm_id))


def _prologue(setting: Setting, labelled: Labelled, broker: str, http_port: int, plant: Plant) -> str:
    devices = plant.inventory().devices
    faults = [
        f"            after {format_duration(truth.start - labelled.start):<5}  "
        f"{truth.fault_type.replace('_', ' ')} on {truth.device_id}"
        for truth in labelled.faults
    ]
    lines = [
        f"{plant.inventory().name}: {len(devices)} machines, {labelled.rows:,} readings.",
        f"  broker    {broker}",
        f"  store     {setting.store}",
        f"  log       {setting.log}",
        f"  clock     UTC, as in the store and from the tools; the day ends with {_minute_now()}",
        f"  agents    can join while it runs: {connect_command(http_port)}",
        f"  faults    {len(faults) or 'none'} scripted",
        *faults,
        "",
    ]
    return "\n".join(lines)


def _minute_now() -> str:
    return format_instant(time.time() // 60 * 60)


def _epilogue(setting: Setting) -> str:
    return "\n".join((
        "Ask an agent about this day. In the configuration of an MCP client:",
        "",
        mcp_servers(setting),
        "",
        "It starts a plant on the demo's store and answers from it, though the demo's broker is gone.",
    ))  # fmt: skip


def _wait_until(true: Callable[[], bool], timeout_s: float, who: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            raise UnavailableError(who, f"nothing after {timeout_s:g} s")
        time.sleep(0.05)


def _free_http_port(settings: HttpSettings) -> int:
    """Return the configured port, or another one where that is taken."""
    from aegisflow.http.app import listen

    wanted = settings.model_copy(update={"host": "127.0.0.1"})
    try:
        bound = listen(wanted, "")
    except ListenError:
        bound = listen(wanted.model_copy(update={"port": 0}), "")
    with bound:
        port: int = bound.getsockname()[1]
    return port


@contextmanager
def _serving(app: App, settings: HttpSettings) -> Iterator[None]:
    """Serve MCP over HTTP in a thread, as ``aegisflow serve`` does."""
    import uvicorn

    from aegisflow.http.app import build_http_app, listen
    from aegisflow.http.guards import OperatorTokens
    from aegisflow.mcp.server import build_server
    from aegisflow.mcp.web import mounted, shown_over_http

    with listen(settings, "") as bound:
        agents = mounted(build_server(lambda: app.plant, app.identities, shown_over_http))
        web = build_http_app(agents, app.plant, "", app.metrics.render, OperatorTokens(app.identities))
        config = uvicorn.Config(web, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="demo-http")
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()
