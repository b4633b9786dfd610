"""Commands go through while far more telemetry comes in than can be taken."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from aegisflow.config import GatewaySettings
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Stage
from aegisflow.domain.times import format_instant
from tests.support.commanding import Commanded, several


@pytest.fixture
def flooded(tmp_path: Path) -> Iterator[Commanded]:
    """A plant that is sent readings without receipt (QoS 0) as fast as a thread can."""

    def narrow(configuration):
        return replace(configuration, gateway=GatewaySettings(group_s=0.0, queue_limit=100))

    with several(tmp_path) as start:
        plant = start(change=narrow)
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                values = {"timestamp": format_instant(plant.now), "device_id": "motor-01", "temperature": 75.0}
                for _ in range(200):
                    plant.bus.deliver("aegisflow/sensors/motor-01", json.dumps(values).encode(), qos=0)

        thread = threading.Thread(target=flood)
        thread.start()
        yield plant
        stop.set()
        thread.join()


def is_verified(plant: Commanded, receipt: CommandReceipt) -> bool:
    return plant.stage(receipt) is Stage.VERIFIED


def test_every_command_is_verified_while_telemetry_is_shed(flooded: Commanded) -> None:
    for device_id in ("pump-01", "pump-02", "pump-03"):
        asked = flooded.propose(device_id, CommandName.REDUCE_LOAD, reduction_pct=50.0)
        assert flooded.approve(asked).stage is Stage.DISPATCHED
        flooded.live_until(partial(is_verified, flooded, asked), 240)
        assert flooded.orders(device_id) == ["reduce_load"]
    assert flooded.app.inbound_queue.shed > 0
