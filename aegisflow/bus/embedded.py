"""An embedded broker on loopback, for the demo and for newcomers: mosquitto if it is installed, else amqtt.

The broker is a grandchild process. The process between ends it when our end of a pipe closes, so that
no broker is left behind, however our own process ends.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from aegisflow.errors import BusError

__all__ = ["EmbeddedBroker", "find_mosquitto", "free_port", "start_embedded_broker", "wait_for_port"]

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 15.0
_END_S = 5.0
"""What a broker has to end in good order; it is killed then."""
_GIVE_UP_S = 30.0
"""When the process between is killed, which would leave its broker behind: well after it has killed that."""
_MOSQUITTO_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
# Readings are acknowledged after their commit, so many are under way: with mosquitto's own limits, 20 and 1,000,
# it would hold them back and then drop them. Loopback packets are small and must not wait for each other
# (nodelay).
_MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 1000000
set_tcp_nodelay true
log_type error
log_type warning
"""


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A running broker: call ``stop`` when done, or use it in a ``with`` statement."""

    kind: str
    """``mosquitto`` or ``amqtt``."""
    host: str
    port: int
    protocol: str
    """The newest version of MQTT that it speaks, as in ``BrokerSettings.protocol``."""
    _keeper: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the broker, and return once its process is gone."""
        _end(self._keeper)

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_embedded_broker(port: int = 0, *, kind: str | None = None) -> EmbeddedBroker:
    """Start a broker without passwords on loopback, and return once it accepts connections.

    Args:
        port: 0 for any free one.
        kind: ``mosquitto`` or ``amqtt``; if not given, mosquitto where it is installed, else amqtt.

    Raises:
        BusError: the broker did not start; the text says why.
    """
    kind = kind or ("mosquitto" if find_mosquitto() else "amqtt")
    port = port or free_port()
    if not _is_free(port):
        raise BusError(f"the embedded broker ({kind}) did not start: port {port} is in use")
    with tempfile.TemporaryFile() as output:
        keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", __name__, kind, str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us; we then stop the broker in our own order
        )
        try:
            wait_for_port(port, keeper)
        except BusError as error:
            _end(keeper)
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()
            last = f"; it said: {said[-1][:300]}" if said else ""
            raise BusError(f"the embedded broker ({kind}) did not start: {error}{last}") from None
    return EmbeddedBroker(kind, _HOST, port, "5" if kind == "mosquitto" else "3.1.1", keeper)


def find_mosquitto() -> str | None:
    """Return the path of mosquitto or None; also looks where Debian installs it, which only root has on PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_MOSQUITTO_FOLDERS))


def free_port() -> int:
    """Return a loopback port on which nobody listens at present."""
    with socket.create_server((_HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError:
        return False
    return True


def wait_for_port(port: int, process: subprocess.Popen[bytes], timeout_s: float = _START_TIMEOUT_S) -> None:
    """Return once ``process`` accepts connections on ``port``.

    Raises:
        BusError: the process ended, or the timeout was reached.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            # This wait is also the pause between two tries.
            raise BusError(f"it ended with exit code {process.wait(timeout=0.02)}")
        with contextlib.suppress(OSError), socket.create_connection((_HOST, port), timeout=1.0):
            return
    raise BusError(f"nothing listened on port {port} within {timeout_s:g} s")


def _end(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    with contextlib.suppress(OSError):
        keeper.stdin.close()
    try:
        keeper.wait(timeout=_GIVE_UP_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


# --- in the process between -------------------------------------------------------------------


def _keep_mosquitto(port: int) -> int:
    path = find_mosquitto()
    if path is None:
        raise SystemExit("mosquitto is not installed")
    with tempfile.TemporaryDirectory(prefix="aegisflow-broker-") as folder:
        conf = Path(folder, "mosquitto.conf")
        conf.write_text(_MOSQUITTO_CONF.format(port=port, host=_HOST))
        broker = subprocess.Popen([path, "-c", str(conf)], stdin=subprocess.DEVNULL)  # noqa: S603 - found above

        def end_with_parent() -> None:
            # Returns when the other end is closed, by stop() or by the death of the process that held it.
            sys.stdin.buffer.read()
            broker.terminate()
            try:
                broker.wait(_END_S)
            except subprocess.TimeoutExpired:
                broker.kill()

        threading.Thread(target=end_with_parent, daemon=True).start()
        return broker.wait()


def _keep_amqtt(port: int) -> int:
    import asyncio

    try:
        from amqtt.broker import Broker
    except ImportError:
        raise SystemExit("neither mosquitto nor amqtt is installed; try: pip install 'aegisflow[demo]'") from None

    async def serve() -> None:
        listener = {"type": "tcp", "bind": f"{_HOST}:{port}"}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        broker = Broker({"listeners": {"default": listener}, "plugins": plugins})
        await broker.start()
        await asyncio.to_thread(sys.stdin.buffer.read)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), 2.0)

    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    raise SystemExit({"mosquitto": _keep_mosquitto, "amqtt": _keep_amqtt}[sys.argv[1]](int(sys.argv[2])))
