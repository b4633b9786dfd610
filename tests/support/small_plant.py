"""Gateway, supervisor and devices on a FakeBus, with a historian in memory."""

import contextlib
from collections.abc import Callable, Mapping

import pykka

from aegisflow.actors.device import DeviceActor
from aegisflow.actors.gateway import Gateway
from aegisflow.actors.inbound_queue import InboundQueue
from aegisflow.actors.messages.device import ReadAlarms
from aegisflow.actors.messages.supervisor import ReadSupervision, StartChildren, StopChildren
from aegisflow.actors.runtime.children import ChildSpec, Family
from aegisflow.actors.runtime.directory import GATEWAY, HISTORIAN, SUPERVISOR, Directory
from aegisflow.actors.runtime.dispatcher import Dispatcher
from aegisflow.actors.runtime.supervisor import Supervisor
from aegisflow.bus.codec import Codec
from aegisflow.bus.fake import FakeBus
from aegisflow.bus.sources.router import Sources
from aegisflow.clock import build_clock
from aegisflow.config.services import (
    ClockSettings,
    GatewaySettings,
    SupervisionSettings,
    Topics,
)
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.equipment import DeviceSpec, LineSpec, PlantSpec
from aegisflow.telemetry.metrics import Metrics
from tests.support.memory_historian import Disk, MemoryHistorian
from tests.support.waiting import eventually

WAIT_S = 60.0


def plant_of(*devices: DeviceSpec) -> PlantSpec:
    names = tuple(device.device_id for device in devices)
    return PlantSpec(
        "test", {"line-1": LineSpec("line-1", "", names)}, {device.device_id: device for device in devices}
    )


class SmallPlant:
    """Gateway, supervisor and devices on a FakeBus with a historian in memory."""

    def __init__(
        self,
        *devices: DeviceSpec,
        supervision: SupervisionSettings | None = None,
        gateway: GatewaySettings | None = None,
        sources: Mapping[str, SourceSettings] | None = None,
    ) -> None:
        self.bus = FakeBus()
        self.disk = Disk()
        self.metrics = Metrics()
        self.directory = Directory()
        self.lost: list[str] = []
        self.dispatcher = Dispatcher()
        self.clock = build_clock(ClockSettings(source="stream"))
        settings = gateway or GatewaySettings()
        self.inbound = InboundQueue(self.directory, settings.queue_limit)
        self.plant = plant_of(*devices)
        where, clock = self.directory, self.clock

        def codec(plant: PlantSpec) -> Codec:
            return Codec(Topics(), plant.devices)

        def make_sources(plant: PlantSpec) -> Sources:
            return Sources(sources or {}, plant.devices)

        def start_gateway() -> pykka.ActorRef:
            return Gateway.start(
                GATEWAY, where, self.bus, self.inbound, settings, codec, self.plant, clock, self.metrics, make_sources
            )

        def device(spec: DeviceSpec) -> ChildSpec:
            return ChildSpec(
                spec.device_id,
                lambda: DeviceActor.start(spec.device_id, where, self.dispatcher, spec, clock.now, self.metrics),
            )

        self.family = Family(
            (
                ChildSpec(GATEWAY, start_gateway, critical=True),
                ChildSpec(HISTORIAN, lambda: MemoryHistorian.start(HISTORIAN, where, self.disk), critical=True),
            ),
            device,
            (),
        )
        self.codec, self.sources = codec, make_sources
        self.supervision = supervision or SupervisionSettings(backoff_min_s=0.01, backoff_max_s=0.05)

    def start(self) -> None:
        supervisor = Supervisor.start(
            SUPERVISOR,
            self.directory,
            self.supervision,
            self.plant,
            self.family,
            now=self.clock.now,
            on_lost=lambda name, reason: self.lost.append(name),
            on_replaced=lambda plant: setattr(self, "plant", plant),
            on_child_failed=self.metrics.actor_failures.inc,
        )
        self.directory.register(SUPERVISOR, supervisor)
        self.directory.ask(SUPERVISOR, StartChildren(), WAIT_S)
        self.bus.subscribe((self.codec(self.plant).sensor_filter(), *self.sources(self.plant).filters()))
        self.bus.start(self.inbound.on_message, lambda state: None)
        self.directory.ask_all(self.plant.devices, ReadAlarms(), WAIT_S)  # answered once each has its past

    def end(self) -> None:
        self.disk.fast.set()
        self.inbound.close()
        with contextlib.suppress(Exception):
            self.directory.ask(SUPERVISOR, StopChildren(), WAIT_S)
        pykka.ActorRegistry.stop_all(timeout=WAIT_S)
        self.bus.stop()
        self.dispatcher.stop()

    # --- for tests ----------------------------------------------------------------------------

    def send(self, device_id: str, at: float, qos: int = 1, **values: float) -> None:
        assert self.bus.deliver_reading(device_id, at, values, qos)

    def fall(self, name: str, error: BaseException | None = None) -> None:
        """Make an actor fall, as a mistake in it would."""
        actor = self.actor(name)

        def broken(message: object) -> None:
            raise error or ValueError("made to fall")

        actor.on_receive = broken
        actor.actor_ref.tell("anything")

    def actor(self, name: str):
        ref = self.directory.find(name)
        assert ref is not None
        actor = ref._actor_weakref()
        assert actor is not None
        return actor

    def state(self, name: str) -> str:
        children = self.directory.ask(SUPERVISOR, ReadSupervision(), WAIT_S)
        return next((child.state for child in children if child.name == name), "unknown")

    def wait_for(self, true: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        """Wait for something that tells nobody when it happens."""
        eventually(true, timeout_s, every_s=0.002)

    def restarts(self, name: str) -> int:
        children = self.directory.ask(SUPERVISOR, ReadSupervision(), WAIT_S)
        return next(child.restarts for child in children if child.name == name)
