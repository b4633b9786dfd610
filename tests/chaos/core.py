"""The core under chaos, as a process: AegisFlow with agents and operators in it, and a service manager's patience."""

import faulthandler
import os
import random
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from aegisflow.app import App
from aegisflow.bus.mqtt import PahoBus
from aegisflow.config import Configuration, StoreSettings, load
from aegisflow.config.escalation import NotificationSettings
from aegisflow.domain.commands.model import CommandName, Mode
from aegisflow.domain.equipment import LineSpec
from aegisflow.errors import AegisFlowError
from tests.support.foreign_plants import plant_text
from tests.support.places import PLANT_FILE
from tests.support.under_command import ADA, AGENT, DEVICES, act, configuration, end_commands

STEADY, WILD, BARE = "motor-02", "pump-03", "pump-02"
"""A machine that always tells the truth, one whose clock and buffer do what they like, and one that others command."""
PLUG = "plug-01"
"""A plug that knows nothing of AegisFlow: it is switched by a bare word, which carries no id."""
PLUG_CALLED = "Cold store"
"""What its maker's topics call it, in the documentation's example."""
WEBHOOK = "CHAOS_WEBHOOK"
LOST = 70


@dataclass(frozen=True, slots=True)
class Job:
    """What a core needs to know."""

    folder: Path
    broker_port: int
    store_url: str
    webhook: str


def settings_of(job: Job) -> Configuration:
    """Return the plant of ``under_command`` with four more machines, on this store."""
    base = configuration(job.folder, job.broker_port)
    shipped = load(PLANT_FILE, {}).plant
    more = {name: replace(shipped.devices[name], recovery={}) for name in (STEADY, WILD, BARE)}
    more[PLUG] = load(plug_file(job.folder), {}).plant.devices[PLUG]
    lines = {"line-1": LineSpec("line-1", "", DEVICES), "line-2": LineSpec("line-2", "", tuple(more))}
    plant = replace(base.plant, lines=lines, devices={**base.plant.devices, **more})
    return replace(
        base,
        plant=plant,
        store=StoreSettings(url=job.store_url, commit_interval_s=0.0),
        notifications=NotificationSettings(log=False, topic="", webhook_env=WEBHOOK),
    )


def plug_file(folder: Path) -> Path:
    """Return the plant file of the plug: the documentation's example."""
    file = folder / "plug.yaml"
    if not file.exists():
        file.write_text(plant_text("tasmota"), "utf-8")
    return file


def run_core(job: Job, seed: int, up: str) -> None:
    """Serve until killed; once the file ``finish`` is there, until nothing is open and ``end`` is there too.

    A store that is held or cannot be opened is tried again, as a service manager does.
    """
    os.environ[WEBHOOK] = job.webhook
    log = os.open(job.folder / "core.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.register(signal.SIGUSR1)  # so that one which hangs can be asked where
    settings, pause = settings_of(job), threading.Event()
    while True:
        try:
            _serve(job, settings, random.Random(seed), up)
            return
        except AegisFlowError as error:
            with suppress(OSError):
                print(f"chaos: did not start: {error}", file=sys.stderr, flush=True)
            pause.wait(0.1)


def _serve(job: Job, settings: Configuration, chance: random.Random, up: str) -> None:
    pause = threading.Event()
    app = App(settings, PahoBus(settings.broker), on_lost=lambda *_: os._exit(LOST))
    with app:
        (job.folder / up).touch()
        while not (job.folder / "finish").exists():
            with suppress(AegisFlowError):
                act(app, chance)
                _switch(app, chance)
                if not (job.folder / "calm").exists():  # in the end nobody knows of a fault before he is told
                    _take_note(app, chance)
            pause.wait(0.01)
        end_commands(app, (*DEVICES, PLUG))
        (job.folder / "settled").touch()
        while not (job.folder / "end").exists():
            pause.wait(0.02)
    (job.folder / "finished").touch()


def _switch(app: App, chance: random.Random) -> None:
    """Switch the plug now and then, as its state is known; it is asked nothing, so a person states what is not."""
    if chance.random() >= 0.05:
        return
    mode = app.plant.device_status(PLUG).value.mode
    if mode is None or mode is Mode.UNKNOWN:
        app.plant.state_mode(PLUG, chance.choice((Mode.NORMAL, Mode.SHUTDOWN)), 0.0, ADA, "I have seen it")
        return
    name = CommandName.RESTART if mode is Mode.SHUTDOWN else CommandName.EMERGENCY_SHUTDOWN
    app.plant.request_command(PLUG, name, {}, chance.choice((ADA, AGENT)), "because the test says so")


def _take_note(app: App, chance: random.Random) -> None:
    """Acknowledge an alarm now and then, so that the next one is a new one."""
    if chance.random() < 0.1:
        alarms = [one for one in app.plant.active_alarms((STEADY, BARE, PLUG)).value if one.acknowledged_at is None]
        if alarms:
            app.plant.acknowledge(chance.choice(alarms).alarm_id, ADA, "seen")


def main() -> None:
    """``FOLDER BROKER_PORT STORE_URL WEBHOOK SEED UP``: for a process with a clock of its own."""
    folder, port, store_url, webhook, seed, up = sys.argv[1:]
    run_core(Job(Path(folder), int(port), store_url, webhook), int(seed), up)


if __name__ == "__main__":
    main()
