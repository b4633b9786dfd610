import base64
import hashlib
import signal
import socket
import subprocess
import sys
import threading
from functools import partial

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.bus.mqtt import PahoBus
from aegisflow.config.services import BrokerSettings
from aegisflow.errors import BusError, NotConnectedError
from tests.support.broker import Listener, Mosquitto, running_mosquitto
from tests.support.waiting import eventually

pytestmark = pytest.mark.broker
SALT = b"twelve bytes"  # mosquitto takes no other length


def has(listener: Listener, count: int) -> bool:
    return len(listener.messages) == count


VERSIONS = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


class Publisher:
    """A machine's side: a plain paho client that keeps what it could not send."""

    def __init__(self, broker: Mosquitto) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="machine", clean_session=False)
        self.client.max_inflight_messages_set(200)
        self.client.reconnect_delay_set(1, 1)
        self._broker = broker

    def __enter__(self) -> "Publisher":
        self.client.connect(self._broker.host, self._broker.port)
        self.client.loop_start()
        return self

    def __exit__(self, *error: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish, and return once the broker has all of it."""
        for info in [self.client.publish(topic, payload, qos, retain) for payload in payloads]:
            info.wait_for_publish(30)


@VERSIONS
def test_a_message_arrives_as_it_was_sent(mosquitto, protocol):
    with Listener(mosquitto.settings(protocol=protocol), "s/+") as listener, Publisher(mosquitto) as machine:
        listener.wait_connected()
        machine.send("s/ä", b"\x00\xff", b"x" * 70_000)
        machine.send("s/b", b"", qos=0)
        listener.wait_until(lambda: len(listener.messages) == 3)
    first, large, third = listener.messages
    assert first.receipt is not None
    assert (first.topic, first.payload, first.retain, first.receipt[0]) == ("s/ä", b"\x00\xff", False, 1)
    assert large.payload == b"x" * 70_000
    assert (third.topic, third.payload, third.receipt) == ("s/b", b"", None)


@VERSIONS
def test_no_reading_passes_through_paho(mosquitto, protocol, monkeypatch):
    passed = []
    with Listener(mosquitto.settings(protocol=protocol), "s/+") as listener, Publisher(mosquitto) as machine:
        listener.wait_connected()
        monkeypatch.setattr(paho.Client, "_handle_publish", lambda client: passed.append(client) or 0)
        machine.send("s/a", b"1", b"2")
        listener.wait_until(lambda: len(listener.messages) == 2)
    assert passed == []


@pytest.mark.timeout(120)
@VERSIONS
def test_5000_messages_survive_a_restart_of_the_broker_in_the_middle(mosquitto, protocol):
    settings = mosquitto.settings(protocol=protocol)
    payloads = [b"%d" % number for number in range(5_000)]
    with Publisher(mosquitto) as machine:
        with Listener(settings, "s/+") as listener:
            listener.wait_connected()
            sent = [machine.client.publish("s/a", payload, 1) for payload in payloads]
            listener.wait_until(lambda: len(listener.messages) >= 1_000)
            mosquitto.restart()
            for info in sent:
                info.wait_for_publish(30)
            listener.wait_until(lambda: set(listener.payloads) == set(payloads), timeout_s=60)
            assert [link.connected for link in listener.links].count(True) == 2
        machine.send("s/a", b"last")
        with Listener(settings, "s/+") as listener:
            listener.wait_until(lambda: listener.messages)
            assert listener.payloads == [b"last"]  # so all 5,000 were acknowledged


@VERSIONS
def test_what_was_not_acknowledged_comes_again_to_the_next_client(mosquitto, protocol):
    settings = mosquitto.settings(protocol=protocol)
    ten = [b"%d" % number for number in range(10)]
    with Listener(settings, "s/+", acknowledge=False) as listener, Publisher(mosquitto) as machine:
        listener.wait_connected()
        machine.send("s/a", *ten)
        listener.wait_until(lambda: len(listener.messages) == 10)
        listener.bus.acknowledge(listener.receipts[:4])
    with Listener(settings, "s/+") as listener:
        listener.wait_until(lambda: len(listener.messages) == 6)
        assert listener.payloads == ten[4:]
        listener.wait_connected()
        assert "session resumed" in listener.links[-1].detail


def test_a_late_acknowledgement_of_an_earlier_connection_does_nothing(mosquitto):
    with Listener(mosquitto.settings(), "s/+", acknowledge=False) as listener:
        listener.wait_connected()
        with Publisher(mosquitto) as machine:
            machine.send("s/a", b"1", b"2", b"3")
        listener.wait_until(lambda: len(listener.messages) == 3)
        mosquitto.restart()
        listener.wait_until(lambda: len(listener.messages) == 6)
        late, current = listener.receipts[:3], listener.receipts[3:]
        assert {receipt.generation for receipt in current} != {receipt.generation for receipt in late}
        assert {receipt.packet_id for receipt in current} == {receipt.packet_id for receipt in late}
        listener.bus.acknowledge(late)
    with Listener(mosquitto.settings(), "s/+") as listener:
        listener.wait_until(lambda: len(listener.messages) == 3)
        assert listener.payloads == [b"1", b"2", b"3"]


def test_nothing_is_published_while_there_is_no_connection(mosquitto):
    watch = mosquitto.settings(client_id="watch")
    with Listener(mosquitto.settings()) as listener, Listener(watch, "c/+") as watcher:
        listener.wait_connected()
        watcher.wait_connected()
        mosquitto.stop()
        listener.wait_connected(False)
        with pytest.raises(NotConnectedError, match="nothing was published"):
            listener.bus.publish("c/a", b"while away")
        mosquitto.start()
        listener.wait_connected()
        watcher.wait_connected()
        listener.bus.publish("c/a", b"now", expiry_s=30)
        watcher.wait_until(lambda: watcher.messages)
        assert watcher.payloads == [b"now"]


def test_what_is_published_arrives_for_sure_expires_and_is_not_kept_for_late_comers(mosquitto):
    heard, subscribed, late = [], threading.Event(), []
    machine = paho.Client(CallbackAPIVersion.VERSION2, client_id="machine", protocol=paho.MQTTv5)
    machine.on_message = lambda _client, _data, message: heard.append(message)
    machine.on_subscribe = lambda *_: subscribed.set()
    machine.on_connect = lambda *_: machine.subscribe("c/+", qos=1)  # type: ignore[assignment]
    machine.connect(mosquitto.host, mosquitto.port)
    machine.loop_start()
    assert subscribed.wait(10)
    with Listener(mosquitto.settings()) as listener:
        listener.wait_connected()
        listener.bus.publish("c/a", b"order", expiry_s=30, traceparent="00-1-2-01")
        eventually(lambda: heard)
        with Listener(mosquitto.settings(client_id="late"), "c/+") as watcher:
            watcher.wait_connected()
            eventually(lambda: listener.bus.publish("c/b", b"another", expiry_s=30) or watcher.messages)
            late = watcher.payloads
    machine.disconnect()
    machine.loop_stop()
    order = heard[0]
    assert vars(order.properties)["UserProperty"] == [("traceparent", "00-1-2-01")]
    assert (order.payload, order.qos) == (b"order", 1)
    assert 25 <= order.properties.MessageExpiryInterval <= 30  # type: ignore[union-attr]
    assert set(late) == {b"another"}


def test_the_birth_the_last_will_and_the_goodbye_are_retained(mosquitto):
    program = (
        "import sys, threading; from aegisflow.bus.mqtt import PahoBus\n"
        "from aegisflow.config.services import BrokerSettings\n"
        f"bus = PahoBus(BrokerSettings(host='127.0.0.1', port={mosquitto.port}))\n"
        "bus.start(lambda m: None, lambda s: None); sys.stdin.read(); bus.stop()\n"
    )
    with Listener(mosquitto.settings(client_id="watch"), "aegisflow/status/aegisflow") as watcher:
        watcher.wait_connected()
        for ending, number in ((signal.SIGKILL, 2), (None, 4)):
            plant = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
            watcher.wait_until(partial(has, watcher, number - 1))
            if ending:
                plant.send_signal(ending)
            plant.communicate(timeout=60)
            watcher.wait_until(partial(has, watcher, number))
    assert watcher.payloads == [b"online", b"offline", b"online", b"offline"]
    assert {message.topic for message in watcher.messages} == {"aegisflow/status/aegisflow"}
    with Listener(mosquitto.settings(client_id="late"), "aegisflow/status/aegisflow") as late:
        late.wait_until(lambda: late.messages)
        assert late.messages[0][1:3] == (b"offline", True)


def test_a_broker_that_is_absent_at_first_is_said_once_and_found_later(mosquitto):
    mosquitto.stop()
    with Listener(mosquitto.settings(reconnect_min_s=0.01, reconnect_max_s=0.01), "s/+") as listener:
        listener.wait_until(lambda: listener.links)
        assert listener.links[0].connected is False
        assert listener.links[0].detail == f"cannot reach 127.0.0.1:{mosquitto.port}: Connection refused"
        mosquitto.start()
        listener.wait_connected()
        assert [link.connected for link in listener.links] == [False, True]
        with Publisher(mosquitto) as machine:
            machine.send("s/a", b"1")
        listener.wait_until(lambda: listener.messages)


def test_a_host_that_has_no_address_is_named():
    with Listener(BrokerSettings(host="nowhere.invalid")) as listener:
        listener.wait_until(lambda: listener.links)
        assert listener.links[0].detail.startswith("cannot reach nowhere.invalid:1883: ")


def test_another_set_of_topics_takes_effect_at_once(mosquitto):
    with Listener(mosquitto.settings(), "old/+") as listener, Publisher(mosquitto) as machine:
        listener.wait_connected()
        machine.send("old/a", b"1")
        listener.wait_until(lambda: listener.messages)
        listener.bus.subscribe(("new/+",))
        with Listener(mosquitto.settings(client_id="probe")) as probe:
            probe.wait_connected()  # the broker has by now seen what came before on the other connection
            machine.send("new/a", b"2")
            listener.wait_until(lambda: len(listener.messages) == 2)
            machine.send("old/a", b"3")
            machine.send("new/a", b"4")
            listener.wait_until(lambda: len(listener.messages) == 3)
    assert listener.payloads == [b"1", b"2", b"4"]


def test_a_broker_that_hangs_is_noticed_by_the_keep_alive(mosquitto):
    with Listener(mosquitto.settings(keepalive_s=1), "s/+") as listener:
        listener.wait_connected()
        mosquitto.freeze()
        try:
            listener.wait_connected(False)
        finally:
            mosquitto.thaw()
        assert listener.links[1].detail.endswith("the broker stopped answering: Keep alive timeout")
        listener.wait_connected()


def test_a_retained_message_is_marked(mosquitto):
    with Publisher(mosquitto) as machine:
        machine.send("s/a", b"old news", retain=True)
    with Listener(mosquitto.settings(), "s/+") as listener:
        listener.wait_until(lambda: listener.messages)
        assert listener.messages[0].retain


def test_a_giant_message_does_not_fill_the_memory_nor_end_the_stream(mosquitto):
    with Listener(mosquitto.settings(), "s/+") as listener, Publisher(mosquitto) as machine:
        listener.wait_connected()
        machine.send("s/a", b"x" * 20_000_000, b"after")
        listener.wait_until(lambda: len(listener.messages) == 2)
    assert 65_536 < len(listener.payloads[0]) < 500_000
    assert listener.payloads[1] == b"after"
    assert [link.connected for link in listener.links] == [True, False]


def test_a_callback_that_raises_costs_its_message_only(mosquitto):
    heard, both = [], threading.Event()

    def hear(message):
        heard.append(message.payload)
        if len(heard) == 2:
            both.set()
        raise RuntimeError("a mistake of the gateway")

    bus, up = PahoBus(mosquitto.settings()), threading.Event()
    bus.subscribe(("s/+",))
    bus.start(hear, lambda link: up.set())
    try:
        assert up.wait(10)
        with Publisher(mosquitto) as machine:
            machine.send("s/a", b"1", b"2")
        assert both.wait(10)
        assert bus.link().connected
    finally:
        bus.stop()
    assert heard == [b"1", b"2"]


def test_a_second_client_with_the_same_id_is_named_as_the_reason(mosquitto):
    slow = mosquitto.settings(reconnect_min_s=60.0)
    with Listener(slow) as first:
        first.wait_connected()
        with Listener(mosquitto.settings()):
            first.wait_connected(False)
    assert first.links[1].detail.endswith("the broker closed the connection (has another client the id 'aegisflow'?)")


def test_the_reason_that_a_broker_gives_for_ending_the_connection_is_passed_on():
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = BrokerSettings(host="127.0.0.1", port=server.getsockname()[1], reconnect_min_s=60.0)
        with Listener(settings) as listener:
            broker, _ = server.accept()
            with broker:
                assert broker.recv(1000)[0] == 0x10  # CONNECT
                broker.sendall(b"\x20\x03\x00\x00\x00" + b"\xe0\x01\x8e")  # CONNACK, DISCONNECT
                listener.wait_until(lambda: len(listener.links) == 2)
    assert "the broker ended the connection: Session taken over (has another client" in listener.links[1].detail


def test_a_server_that_does_not_speak_mqtt_is_left(monkeypatch):
    monkeypatch.setattr("aegisflow.bus.mqtt.connection._CONNECT_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = BrokerSettings(host="127.0.0.1", port=server.getsockname()[1], reconnect_min_s=60.0)
        with Listener(settings) as listener:
            other, _ = server.accept()
            with other:
                other.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                listener.wait_until(lambda: listener.links)
    assert listener.links[0].detail.endswith("what listens there does not answer as an MQTT broker")
    assert not any(link.connected for link in listener.links)


def test_no_thread_is_left_after_stop(mosquitto):
    with Listener(mosquitto.settings()) as listener:
        listener.wait_connected()
        assert "bus" in {thread.name for thread in threading.enumerate()}
    assert "bus" not in {thread.name for thread in threading.enumerate()}
    assert [link.detail for link in listener.links][-1] == "stopped"
    listener.bus.stop()
    PahoBus(mosquitto.settings()).stop()


def secured(tmp_path, extra="", password="right"):
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), SALT, 101)
    salt, digest = base64.b64encode(SALT).decode(), base64.b64encode(hashed).decode()
    (tmp_path / "passwords").write_text(f"plant:$7$101${salt}${digest}\n")
    return running_mosquitto(tmp_path, f"allow_anonymous false\npassword_file {tmp_path}/passwords\n{extra}")


@VERSIONS
def test_the_password_comes_from_the_environment_and_a_wrong_one_is_said(tmp_path, monkeypatch, protocol):
    with secured(tmp_path) as broker:
        settings = broker.settings(username="plant", password_env="PLANT_PASSWORD", protocol=protocol)
        monkeypatch.setenv("PLANT_PASSWORD", "wrong")
        with Listener(settings) as listener:
            listener.wait_until(lambda: listener.links)
            detail = listener.links[0].detail
            assert "the broker refused the connection: Not authorized; check broker.username" in detail
            assert "wrong" not in detail
        monkeypatch.setenv("PLANT_PASSWORD", "right")
        with Listener(settings) as listener:
            listener.wait_connected()


def test_a_password_variable_that_is_not_set_is_an_error_at_once(monkeypatch):
    monkeypatch.delenv("PLANT_PASSWORD", raising=False)
    with pytest.raises(BusError, match=r"PLANT_PASSWORD \(broker.password_env\) is not set"):
        PahoBus(BrokerSettings(username="plant", password_env="PLANT_PASSWORD"))
