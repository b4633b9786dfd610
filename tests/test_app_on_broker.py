"""The application on a real broker: ends, and loss of the link, while readings stream in."""

import threading
import time
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.app import App
from aegisflow.config import Configuration, ManualsSettings, StoreSettings
from aegisflow.domain.equipment import LineSpec, PlantSpec
from aegisflow.domain.times import Period, format_instant
from tests.support.broker import Mosquitto
from tests.support.samples import device_spec
from tests.support.waiting import eventually

COUNT = 3_000
WAIT_S = 30.0


def configuration_in(folder: Path, broker: Mosquitto) -> Configuration:
    (folder / "manuals").mkdir(exist_ok=True)
    return Configuration(
        path=folder / "plant.yaml",
        plant=PlantSpec("test", {"line-1": LineSpec("line-1", "", ("pump-01",))}, {"pump-01": device_spec("pump-01")}),
        broker=broker.settings(client_id="aegisflow-test"),
        store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
        manuals=ManualsSettings(folder=folder / "manuals", model="none"),
    )


class Machine:
    """Publishes ``COUNT`` readings at QoS 1, some every millisecond, whatever happens to the link."""

    def __init__(self, broker: Mosquitto, start: float) -> None:
        self.sent = 0
        self._start = start
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="machine", clean_session=False)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        for number in range(COUNT):
            content = {"timestamp": format_instant(self._start + number), "temperature": 75.0 + number % 5}
            self._client.publish("aegisflow/sensors/pump-01", msgspec.json.encode(content), qos=1)
            self.sent += 1
            if number % 4 == 0:
                pause.wait(0.001)

    def end(self) -> None:
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


def stored(app: App, start: float) -> int:
    stream = app.plant.sensor_stream("pump-01", ("temperature",), Period(start, start + COUNT), 10).value
    return stream.readings


@pytest.mark.broker
def test_no_reading_is_lost_over_an_end_of_the_application_and_a_restart_of_the_broker(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    start = float(int(time.time()) - 2 * COUNT)
    with App(configuration_in(tmp_path, mosquitto)) as first:
        eventually(lambda: first.plant.health().broker_connected)
        machine = Machine(mosquitto, start)
        eventually(lambda: first.inbound_queue.received > COUNT / 5)
    try:
        with App(configuration_in(tmp_path, mosquitto)) as second:
            eventually(lambda: second.inbound_queue.received > COUNT / 5)
            mosquitto.restart()
            eventually(lambda: stored(second, start) == COUNT)
            status = second.plant.device_status("pump-01").value
            assert status.latest_at == start + COUNT - 1
            assert set(status.refused) <= {"duplicate"}  # the machine repeats itself after the break
    finally:
        machine.end()
