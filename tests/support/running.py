"""A small plant of two devices: the whole application on a FakeBus, and what a test does with it."""

from dataclasses import replace
from pathlib import Path

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, ManualsSettings, StoreSettings
from aegisflow.domain.alarms.model import AlarmEvent, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.equipment import FaultRule, Limits, LineSpec, ParameterSpec, PlantSpec
from aegisflow.plant.identities import Identities
from tests.support.samples import LEVELS, device_spec, healthy

T0 = 1_760_000_000.0
AGENT = Caller("claude", CallerKind.AGENT)


def configuration_in(folder: Path) -> Configuration:
    (folder / "manuals").mkdir(exist_ok=True)
    (folder / "manuals" / "pump.md").write_text("# Pumps\n\nReplace the seal when the pump drips.\n", encoding="utf-8")
    pump = device_spec("pump-01")
    setpoint = {"pressure_setpoint": ParameterSpec("pressure_setpoint", "PSI", Limits(28.0, 35.0))}
    devices = {
        "pump-01": type(pump)(
            "pump-01",
            "line-1",
            "pump",
            pump.sensors,
            alarm=replace(pump.alarm, suppress_in=("maintenance",)),
            parameters=setpoint,
            manual="pump.md",
            faults=(FaultRule("thermal_runaway", Severity.HIGH, {"temperature": ("high",)}),),
        ),
        "motor-01": device_spec("motor-01"),
    }
    return Configuration(
        path=folder / "plant.yaml",
        plant=PlantSpec("test", {"line-1": LineSpec("line-1", "", tuple(devices))}, devices),
        store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
        clock=ClockSettings(source="stream"),
        manuals=ManualsSettings(folder=folder / "manuals", model="none"),
    )


class Running:
    """An application on a FakeBus, and what a test does with it."""

    def __init__(self, folder: Path, identities: Identities | None = None) -> None:
        self.bus = FakeBus()
        self.heard: list[AlarmEvent] = []
        self.app = App(configuration_in(folder), self.bus, listeners=(self.heard.extend,), identities=identities)
        self.plant = self.app.plant
        self.sent = 0

    def send(self, device_id: str, at: float, values: dict[str, float]) -> None:
        self.bus.deliver_reading(device_id, at, values)
        self.sent += 1

    def settle(self) -> None:
        """Wait until all that was sent is on disk and acknowledged."""
        self.bus.wait_until(lambda: len(self.bus.acknowledged) == self.sent)

    def ordinary(self, count: int, device_id: str = "pump-01") -> None:
        for reading in healthy(count, start=T0, device_id=device_id):
            self.send(device_id, reading.at, dict(reading.values))

    def overheat(self) -> None:
        self.ordinary(60)
        for number in range(60, 66):
            values = {name: mean for name, (mean, _) in LEVELS.items()} | {"temperature": 130.0}
            self.send("pump-01", T0 + 5 * number, values)
        self.settle()
