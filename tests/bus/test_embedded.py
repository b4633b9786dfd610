import contextlib
import socket
import subprocess
import sys

import pytest

from aegisflow.bus.embedded import find_mosquitto, start_embedded_broker
from aegisflow.config.services import BrokerSettings
from aegisflow.errors import BusError
from tests.support.broker import Listener

KINDS = [
    pytest.param("mosquitto", marks=pytest.mark.broker),
    pytest.param("amqtt", marks=pytest.mark.filterwarnings("ignore")),
]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    if request.param == "amqtt":
        pytest.importorskip("amqtt")
    return request.param


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def test_a_message_goes_through_and_nothing_listens_afterwards(kind):
    with start_embedded_broker(kind=kind) as broker:
        settings = BrokerSettings(host=broker.host, port=broker.port, protocol=broker.protocol)
        machine_settings = BrokerSettings(
            host=broker.host, port=broker.port, protocol=broker.protocol, client_id="machine"
        )
        with Listener(settings, "s/+") as listener, Listener(machine_settings) as machine:
            listener.wait_connected()
            machine.wait_connected()
            for number in range(100):
                machine.bus.publish("s/a", b"%d" % number)
            listener.wait_until(lambda: len(listener.messages) == 100)
            assert all(message.receipt is not None for message in listener.messages)
    assert not is_open(broker.port)


def test_a_port_in_use_is_a_clear_error(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BusError, match=rf"the embedded broker \({kind}\) did not start: port {port} is in use"):
            start_embedded_broker(port, kind=kind)


def test_no_broker_is_left_when_its_starter_is_killed(kind):
    program = (
        "import time; from aegisflow.bus.embedded import start_embedded_broker\n"
        f"print(start_embedded_broker(kind={kind!r}).port, flush=True); time.sleep(100)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    port = int(starter.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        starter.kill()
        starter.communicate()
        connection.settimeout(20)
        assert connection.recv(1) == b""  # the broker is gone, and with it our connection
