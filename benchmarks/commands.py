"""What a command costs: from proposal to answer, and from approval to publish, idle and under load.

``python -m benchmarks.commands [--count 200]`` runs the nine devices of the default plant on a FakeBus and
SQLite with full synchronous commits, and the same while 10,000 readings/s are sent at it.
"""

import argparse
import json
import tempfile
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, ManualsSettings, StoreSettings, load
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.commands.policy_spec import Rate
from aegisflow.domain.times import format_instant
from benchmarks.load import percentile

AGENT, ADA = Caller("bench", CallerKind.AGENT), Caller("ada", CallerKind.OPERATOR)
RATE = 10_000
T0 = 1_760_000_000.0
VALUES = {"temperature": 75.0, "pressure": 31.5, "vibration": 1.5, "humidity": 40.0, "power_consumption": 20.0}


class Stream:
    """Readings of all devices (QoS 1) at a rate, from a thread of its own, whether they are taken in or not."""

    def __init__(self, bus: FakeBus, devices: tuple[str, ...]) -> None:
        self.bus, self.devices = bus, devices
        self.sent = 0
        self._stop = threading.Event()
        self._rate = self._began = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def warm_up(self, readings: int) -> None:
        for number in range(readings):
            for device in self.devices:
                self.bus.deliver(f"aegisflow/sensors/{device}", self._payload(device, number))
                self.sent += 1
        self.bus.wait_until(lambda: len(self.bus.acknowledged) >= self.sent)

    def _payload(self, device: str, number: int) -> bytes:
        values = {name: value * (1 + 0.01 * (number % 7 - 3)) for name, value in VALUES.items()}
        at = format_instant(T0 + 0.05 * number)
        return json.dumps({"timestamp": at, "device_id": device, **values}).encode()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> tuple[float, float]:
        """Return how many a second were sent, and how many of them were committed by then."""
        committed = len(self.bus.acknowledged) - self.sent
        self._stop.set()
        self._thread.join()
        return self._rate, committed / (time.monotonic() - self._began)

    def _run(self) -> None:
        # Behind the instants of the warm-up: a reading that comes again is not stored again.
        number, began, sent = 100, time.monotonic(), 0
        self._began = began
        while not self._stop.is_set():
            for device in self.devices:
                self.bus.deliver(f"aegisflow/sensors/{device}", self._payload(device, number))
                sent += 1
            number += 1
            ahead_s = sent / RATE - (time.monotonic() - began)
            if ahead_s > 0:
                self._stop.wait(ahead_s)
        self._rate = sent / (time.monotonic() - began)


def measure(app: App, bus: FakeBus, devices: tuple[str, ...], count: int) -> tuple[list[float], list[float]]:
    """Return seconds from proposal to answer, and from approval to publish."""
    proposals, approvals = [], []
    for number in range(count):
        device = devices[number % len(devices)]
        began = time.monotonic()
        asked = app.plant.request_command(device, CommandName.EMERGENCY_SHUTDOWN, {}, AGENT, "a benchmark")
        proposals.append(time.monotonic() - began)
        (view,) = app.plant.approvals().value
        before = len(published(bus))
        began = time.monotonic()
        receipt = app.plant.approve(asked.command.command_id, view.digest, ADA)
        if receipt.stage != "dispatched":
            raise SystemExit(f"not sent: {receipt.reasons}")
        bus.wait_until(partial(more_published, bus, before))
        approvals.append(time.monotonic() - began)
        ack = {"command_id": asked.command.command_id, "device_id": device, "result": "refused", "mode": "normal"}
        bus.deliver(f"aegisflow/acks/{device}", json.dumps({**ack, "at": format_instant(app.plant.now())}).encode())
        # A device has one command at a time, so the next would be denied.
        while app.plant.device_commands(device, ADA).value.open:
            pass
    return proposals, approvals


def more_published(bus: FakeBus, before: int) -> bool:
    return len(published(bus)) > before


def published(bus: FakeBus) -> list[object]:
    return [one for one in bus.published if "/commands/" in one.topic]


def run(count: int, *, loaded: bool) -> dict[str, float]:
    shipped = load(Path(__file__).parents[1] / "config" / "plant.yaml", {}).plant
    # The limits and quotas of the shipped policy would deny or refuse most of what is measured.
    often = Rate(1_000_000, 3600.0)
    policy = replace(shipped.policy, device_rate=often, plant_rate=often, device_proposals=often, plant_proposals=often)
    plant = replace(shipped, policy=policy)
    devices = tuple(plant.devices)
    with tempfile.TemporaryDirectory(prefix="aegisflow-bench-") as folder:
        bus = FakeBus()
        settings = Configuration(
            path=Path(folder, "plant.yaml"),
            plant=plant,
            store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
            clock=ClockSettings(source="stream", max_age_s=1e9, max_ahead_s=1e9),
            manuals=ManualsSettings(folder=Path(folder), model="none"),
        )
        with App(settings, bus) as app:
            stream = Stream(bus, devices)
            stream.warm_up(70)
            if loaded:
                stream.start()
            proposals, approvals = measure(app, bus, devices, count)
            rate, committed = stream.stop() if loaded else (0.0, 0.0)
    figures = {"proposal": percentile(proposals, 0.99), "approval": percentile(approvals, 0.99)}
    return {**figures, "rate": rate, "committed": committed}


def ratios(count: int) -> dict[str, float]:
    """Return the p99 under load against idle, with what they are made of in milliseconds."""
    idle, loaded = run(count, loaded=False), run(count, loaded=True)
    found = {"command_load_rate": loaded["rate"], "command_load_committed_rate": loaded["committed"]}
    for name in ("proposal", "approval"):
        found[f"{name}_p99_vs_idle"] = loaded[name] / idle[name]
        found[f"{name}_idle_p99_ms"], found[f"{name}_loaded_p99_ms"] = 1e3 * idle[name], 1e3 * loaded[name]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    found = ratios(count)
    rates = f"{found['command_load_rate']:,.0f} readings/s sent, {found['command_load_committed_rate']:,.0f} committed"
    print(f"{count} commands each; loaded: {rates}")
    for name in ("proposal", "approval"):
        idle, loaded, ratio = (found[f"{name}_{part}"] for part in ("idle_p99_ms", "loaded_p99_ms", "p99_vs_idle"))
        print(f"{name:<9} p99 {idle:6.1f} ms idle, {loaded:6.1f} ms loaded, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
