"""What operators say is normal from the command line, through a running plant."""

import sys
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.levels import LevelSummary
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient
from aegisflow.errors import BadValueError

__all__ = ["accept", "accepted", "restore"]

Reason = Annotated[str, Parameter(help="why, in a few words; kept with the level and in the audit")]
Sensor = Annotated[
    list[str] | None, Parameter(name="--sensor", negative="", help="which sensor; may be given several times")
]


def accept(
    what: Annotated[str, Parameter(help="an alarm as aegisflow alarms shows it, or a device with --sensor")],
    *,
    reason: Reason,
    sensor: Sensor = None,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Say that what sensors show now is normal; return the exit code."""
    client = OperatorClient(plant, url)
    if "@" in what:
        if sensor:
            raise BadValueError("--sensor", sensor, f"a device to go with it, such as {what.rpartition('@')[0]}")
        answer = client.call(ends.ACCEPT_ALARM, {"id": what}, {"reason": reason})
    elif sensor:
        answer = client.call(ends.ACCEPT_LEVELS, {"id": what}, {"sensors": sensor, "reason": reason})
    else:
        raise BadValueError("what", what, "an alarm such as pump-02@20260131T080000, or a device with --sensor")
    _print(answer.levels)
    return 0


def restore(
    device: Annotated[str, Parameter(help="the device, such as pump-02")],
    *,
    sensor: Annotated[
        list[str], Parameter(name="--sensor", negative="", help="which sensor; may be given several times")
    ],
    reason: Reason,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Take back that a level is normal: the one of before holds again; return the exit code."""
    body = {"sensors": sensor, "reason": reason}
    for level in OperatorClient(plant, url).call(ends.RESTORE_LEVELS, {"id": device}, body).levels:
        number = f"{level.before:.5g} {level.unit}".strip()
        sys.stdout.write(f"{level.device_id} {level.sensor}: {number} is normal again\n")
    return 0


def accepted(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Print what people have accepted as normal; return the exit code."""
    answer = OperatorClient(plant, url).call(ends.LIST_LEVELS)
    _print(answer.levels)
    if not answer.levels:
        sys.stdout.write("nothing was accepted\n")
    for name, why in answer.unavailable.items():
        sys.stdout.write(f"did not answer: {name}: {why}\n")
    return 0


def _print(levels: list[LevelSummary]) -> None:
    for one in levels:
        now, before = (f"{value:.5g} {one.unit}".strip() for value in (one.level, one.before))
        sys.stdout.write(f"{one.device_id} {one.sensor}: {now} is normal (was {before}), by {one.by}: {one.words}\n")
