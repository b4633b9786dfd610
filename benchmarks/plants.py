"""Plants of any size for the benchmarks, and one running against a broker."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aegisflow.actors.messages.store import ReadStoreHealth
from aegisflow.actors.runtime.directory import HISTORIAN
from aegisflow.app import App
from aegisflow.config import BrokerSettings, ClockSettings, Configuration, ManualsSettings, StoreSettings
from aegisflow.config.presets import over_preset
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.equipment import DeviceSpec, FaultRule, Limits, LineSpec, PlantSpec, SensorSpec
from benchmarks.publisher import device_names

SENSORS = {
    "temperature": SensorSpec("temperature", "°C", alarm=Limits(high=120), span=Limits(-40, 400)),
    "pressure": SensorSpec("pressure", "PSI", span=Limits(-15, 300)),
    "vibration": SensorSpec("vibration", "mm/s", span=Limits(0, 100)),
    "humidity": SensorSpec("humidity", "%RH", span=Limits(0, 100)),
    "power_consumption": SensorSpec("power_consumption", "kW", span=Limits(-10, 500)),
}

FAULTS = (
    FaultRule("bearing_failure", Severity.HIGH, when={"vibration": ("high",)}, expects=("temperature",)),
    FaultRule("pressure_leak", Severity.HIGH, when={"pressure": ("low",)}, expects=("power_consumption",)),
    FaultRule("sensor_drift", Severity.MEDIUM, together=tuple(SENSORS)),
)
"""With rules a device is judged by all detectors, as those of the shipped plant are; without, by one score."""


def plant(devices: int) -> PlantSpec:
    """A line with so many pumps, all of one kind."""
    names = device_names(devices)
    specs = {
        name: DeviceSpec(device_id=name, line="line-1", kind="pump", sensors=SENSORS, faults=FAULTS) for name in names
    }
    return PlantSpec("bench", {"line-1": LineSpec("line-1", "", tuple(names))}, specs)


SOURCES = {
    "mapped": {
        "topic": "hall/{device}/state",
        "time": {"path": "ts", "format": "epoch_ms"},
        "sensors": {
            "temperature": "process.t",
            "pressure": "process.p",
            "humidity": "process.rh",
            "vibration": "condition.vib",
            "power_consumption": "power",
        },
    },
    "sparkplug": {"preset": "sparkplug_b"},
}
"""What the publisher's foreign kinds of messages mean."""


def sources(kind: str) -> dict[str, SourceSettings]:
    if kind not in SOURCES:
        return {}
    settings = SourceSettings.model_validate(SOURCES[kind])
    return {kind: over_preset(settings, settings.preset) if settings.preset else settings}


def configuration(port: int, devices: int, folder: str, kind: str = "") -> Configuration:
    return Configuration(
        sources=sources(kind),
        path=Path(folder, "plant.yaml"),
        plant=plant(devices),
        broker=BrokerSettings(host="127.0.0.1", port=port, client_id="bench-aegisflow"),
        store=StoreSettings(url=f"sqlite:///{folder}/bench.db"),
        # The publisher stamps readings into the past, one interval of 5 s after the other.
        clock=ClockSettings(max_age_s=400 * 86_400.0),
        manuals=ManualsSettings(folder=Path(folder, "manuals"), model="none"),
    )


@contextmanager
def running_plant(port: int, devices: int, folder: str, kind: str = "") -> Iterator[App]:
    """A started plant that is connected to the broker, with the source of a foreign kind of messages."""
    with App(configuration(port, devices, folder, kind)) as app:
        while not app.plant.health().broker_connected:
            time.sleep(0.01)
        yield app


def committed(app: App) -> int:
    """Return how many readings the historian has committed; asks nobody else, so that counting costs nothing."""
    return app.directory.ask(HISTORIAN, ReadStoreHealth(), 60.0).committed_readings
