"""Three ways to take PUBLISH packets from a broker: ``python -m benchmarks.mqtt_clients [--rounds N]``.

``ours``   the packet stream of ``bus/mqtt``
``paho``   paho-mqtt as it comes, with manual acknowledgements
``mqtt5``  the packet stream with the decoder of the package mqtt5 (Rust; ``pip install mqtt5==0.8.0``); MQTT 5 only

Each is measured in two places, against a fresh mosquitto, at QoS 1: in the whole of AegisFlow (broker to
committed rows, acknowledged after the commit), and alone (each batch of 20 ms is acknowledged, nothing else
is done). The rounds alternate, and the table shows medians. ``docs/decisions/`` says what came of it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aegisflow.bus import Bus, BusMessage, LinkState
from aegisflow.bus.embedded import start_embedded_broker
from aegisflow.bus.mqtt import PahoBus, connection
from aegisflow.bus.mqtt.packet_stream import PacketStream, PacketStreamError
from aegisflow.config import BrokerSettings
from aegisflow.domain.readings import Receipt
from aegisflow.telemetry.logs import configure_logs
from benchmarks.ingest import TIMEOUT_S, handed_over, start
from benchmarks.subjects import Meter

DEVICES = 9
BATCH_S = 0.02
CASES = (
    ("plant", "ours", "5"),
    ("plant", "mqtt5", "5"),
    ("plant", "paho", "5"),
    ("alone", "ours", "5"),
    ("alone", "mqtt5", "5"),
    ("alone", "paho", "5"),
    ("plant", "ours", "3.1.1"),
    ("plant", "paho", "3.1.1"),
    ("alone", "ours", "3.1.1"),
    ("alone", "paho", "3.1.1"),
)
Figures = dict[str, float]


class PlainPaho:
    """A ``Bus`` on paho's own thread and loop, with nothing taken out of it."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._is_5 = settings.protocol == "5"
        self._filters: tuple[str, ...] = ()
        self._link = LinkState(False, time.time(), "not started")
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if self._is_5 else False,
            protocol=mqtt.MQTTv5 if self._is_5 else mqtt.MQTTv311,
            manual_ack=True,
        )

    @property
    def sends_back(self) -> bool:
        return True

    def start(self, on_message: Callable[[BusMessage], None], on_link: Callable[[LinkState], None]) -> None:
        def take(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
            receipt = Receipt(1, message.mid) if message.qos else None
            on_message(BusMessage(message.topic, bytes(message.payload), message.retain, receipt))

        def ready(*_: object) -> None:
            self._link = LinkState(True, time.time(), "connected", 1)
            on_link(self._link)

        def subscribe(*_: object) -> None:
            self._client.subscribe([(topic, 1) for topic in self._filters])

        client, settings = self._client, self._settings
        client.on_message, client.on_subscribe, client.on_connect = take, ready, subscribe
        if self._is_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = min(settings.receive_maximum, 65_535)
            client.connect(settings.host, settings.port, properties=properties)
        else:
            client.connect(settings.host, settings.port)
        client.loop_start()

    def subscribe(self, topics: tuple[str, ...]) -> None:
        self._filters = topics

    def acknowledge(self, receipts: tuple[Receipt, ...]) -> None:
        for receipt in receipts:
            self._client.ack(receipt.packet_id, 1)

    def publish(
        self, topic: str, payload: bytes, *, expiry_s: int | None = None, traceparent: str = "", qos: int = 1
    ) -> None:
        self._client.publish(topic, payload, qos)

    def link(self) -> LinkState:
        return self._link

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Mqtt5Stream(PacketStream):
    """The packet stream with mqtt5 as the decoder of PUBLISH packets.

    It does what a candidate would have to: what is not PUBLISH stays paho's. It cannot cut a packet that is
    too large, since mqtt5 decodes whole packets only.
    """

    def next_packet(self) -> bool:
        import mqtt5

        read, publish = mqtt5.read, self._on_publish
        view, position, end = memoryview(self._incoming), self._position, len(self._incoming)
        try:
            while position < end:
                if view[position] & 0xF0 != 0x30:
                    self._position = position
                    return super().next_packet()
                packet, size = read(view[position:])
                position += size
                publish(packet.topic, packet.payload, packet.retain, packet.packet_id or 0)
        except IndexError:
            pass  # the rest of the packet is still to come
        except ValueError as error:
            raise PacketStreamError(f"the broker sent a malformed PUBLISH packet: {error}") from None
        self._position = position
        return bool(self.failure)


def bus_of(client: str, settings: BrokerSettings) -> Bus:
    """Return the bus that is measured."""
    if client == "paho":
        return PlainPaho(settings)
    if client == "mqtt5":
        setattr(connection, "PacketStream", Mqtt5Stream)  # noqa: B010 - in this process only, which measures nothing else
    return PahoBus(settings)


def plant(client: str, port: int, count: int, protocol: str) -> Figures:
    """Let AegisFlow take the readings, from the broker to committed rows."""
    from aegisflow.app import App
    from benchmarks.plants import committed, configuration

    with tempfile.TemporaryDirectory() as folder:
        settings = configuration(port, DEVICES, folder)
        with App(settings, bus_of(client, broker_settings(port, protocol))) as app:
            while not app.plant.health().broker_connected:
                time.sleep(0.01)
            meter = Meter(count)
            print("ready", flush=True)
            while not app.inbound_queue.received:
                time.sleep(0.002)
            meter.first()
            while committed(app) < count:
                time.sleep(0.02)
            meter.last()
    return meter.result


def alone(client: str, port: int, count: int, protocol: str) -> Figures:
    """Let the client take the messages and acknowledge them in batches, and do nothing else."""
    meter, connected, receipts = Meter(count), threading.Event(), list[Receipt]()

    def take(message: BusMessage) -> None:
        if meter.began == 0.0:
            meter.first()
        if message.receipt is not None:
            receipts.append(message.receipt)

    bus = bus_of(client, broker_settings(port, protocol))
    bus.subscribe(("aegisflow/sensors/+",))
    bus.start(take, lambda link: connected.set() if link.connected else None)
    connected.wait(TIMEOUT_S)
    print("ready", flush=True)
    acknowledged = 0
    while acknowledged < count:
        time.sleep(BATCH_S)
        batch = tuple(receipts[acknowledged:])
        bus.acknowledge(batch)
        acknowledged += len(batch)
    meter.last()
    bus.stop()
    return meter.result


def broker_settings(port: int, protocol: str) -> BrokerSettings:
    return BrokerSettings(host="127.0.0.1", port=port, client_id="bench-aegisflow", protocol=protocol)


def measure(place: str, client: str, protocol: str, count: int) -> Figures:
    """Run one case in a process of its own against a fresh broker."""
    with start_embedded_broker(kind="mosquitto") as broker:
        taker = start("benchmarks.mqtt_clients", "--take", place, client, protocol, broker.port, count)
        giver = start("benchmarks.publisher", broker.port, count, DEVICES)
        result = handed_over(giver, taker)
    return {"rate": count / result["seconds"], "cpu_us": result["cpu"] / count * 1e6}


def rounds(count: int, readings: int) -> Iterator[dict[tuple[str, str, str], Figures]]:
    """Measure every case once per round, in an order that turns round each time."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("mqtt clients", total=count * len(CASES))
        for number in range(count):
            measured = {}
            for case in CASES if number % 2 == 0 else reversed(CASES):
                measured[case] = measure(*case, readings)
                bar.advance(task)
            yield measured


def table(measured: list[dict[tuple[str, str, str], Figures]]) -> Table:
    """Return medians, and the ratio of each client to ours in the same round."""
    shown = Table(title=f"medians of {len(measured)} rounds")
    for name in ("where", "MQTT", "client", "messages/s", "CPU µs/message", "rate ÷ ours", "CPU ÷ ours"):
        shown.add_column(name, justify="left" if name in ("where", "client") else "right")
    for case in CASES:
        place, client, protocol = case
        ours = (place, "ours", protocol)
        rate, cpu = (statistics.median(each[case][what] for each in measured) for what in ("rate", "cpu_us"))
        ratios = (
            statistics.median(each[case][what] / each[ours][what] for each in measured) for what in ("rate", "cpu_us")
        )
        shown.add_row(place, protocol, client, f"{rate:,.0f}", f"{cpu:.1f}", *(f"{ratio:.2f}" for ratio in ratios))
    return shown


def main() -> None:
    if sys.argv[1:2] == ["--take"]:
        configure_logs("error", json_lines=True)  # standard output is for figures
        place, client, protocol, port, count = sys.argv[2:7]
        take = {"plant": plant, "alone": alone}[place]
        print(json.dumps(take(client, int(port), int(count), protocol)), flush=True)
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mqtt_clients",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--readings", type=int, default=60_000, help="in each case of a round")
    options = parser.parse_args()
    try:
        import mqtt5  # noqa: F401
    except ImportError:
        parser.error("the package mqtt5 is not installed; try: pip install mqtt5==0.8.0")
    Console().print(table(list(rounds(options.rounds, options.readings))))


if __name__ == "__main__":
    main()
