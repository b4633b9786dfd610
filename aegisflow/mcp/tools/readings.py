"""Tools that look at devices and their sensors."""

from collections import Counter
from typing import Annotated

from pydantic import BeforeValidator, Field

from aegisflow.api.names import fitting_name, sensors_named
from aegisflow.api.periods import asked_period
from aegisflow.api.schemas.devices import DeviceSummary
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.commands.model import ENDED, CommandReceipt, DeviceCommands
from aegisflow.domain.equipment import Limits, PlantSpec
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import DeviceStatus
from aegisflow.errors import BadValueError, RequestError
from aegisflow.mcp.budget import largest_page, largest_that_fits
from aegisflow.mcp.gate import caller
from aegisflow.mcp.paging import make_cursor, read_cursor
from aegisflow.mcp.presenters import (
    MAX_COMMANDS,
    broker_away,
    device_detail,
    device_line,
    raw_values,
    sensor_trend,
    series,
    unavailable,
)
from aegisflow.mcp.schemas import DeviceLine, DeviceStatusAnswer, SensorStream
from aegisflow.mcp.tools.arguments import Cursor, DeviceId, End, Last, Start
from aegisflow.plant.protocol import Plant, PlantSource

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_MAX_GAPS = 10
_MAX_SENSORS = 20


def _listed(sensors: object) -> object:
    """Return the name of one sensor, or names with commas between, as the list that was meant."""
    return [name.strip() for name in sensors.split(",")] if isinstance(sensors, str) else sensors


class ReadingTools:
    """Answers ``get_sensor_stream`` and ``get_device_status``."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def get_sensor_stream(
        self,
        device_id: DeviceId,
        sensors: Annotated[
            list[Annotated[str, Field(max_length=100)]] | None,
            Field(max_length=_MAX_SENSORS, description="e.g. ['vibration']; default all"),
            BeforeValidator(_listed),
        ] = None,
        start: Start = None,
        end: End = None,
        last: Last = None,
        points: Annotated[int, Field(ge=0, le=200, description="of each series; 0: none")] = 40,
    ) -> SensorStream:
        """How a device's sensors behaved over a period (default: the last hour).

        Per sensor statistics, gaps and a down-sampled series that keeps peaks. Use it to see the trend
        behind an alarm, and compare with the line's other devices before concluding a fault.
        Next: query_device_manual.
        """
        plant = self._plant()
        period = asked_period(start, end, last, now=plant.now(), default_s=_HOUR_S)
        device_id = fitting_name(device_id, plant.inventory().devices)
        asked = sensors_named(sensors or (), device_id, plant.inventory())
        answer = plant.sensor_stream(device_id, asked, period, max(1, points))
        stream = answer.value
        spec = plant.inventory().devices.get(device_id)
        status = _status_now(plant, device_id)
        quality = {sensor.spec.name: sensor.quality for sensor in status.sensors} if status else {}
        shown = stream.sensors[:_MAX_SENSORS]
        longest = max((len(summary.series) for summary in shown), default=0)
        normal = {name: sensor.normal for name, sensor in spec.sensors.items()} if spec else {}
        trends = [
            sensor_trend(summary, normal.get(summary.sensor, Limits()), quality.get(summary.sensor))
            for summary in shown
        ]

        def build(most: int) -> SensorStream:
            return SensorStream(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable(answer.unavailable),
                broker_away=broker_away(answer),
                device_id=stream.device_id,
                start=format_instant(stream.period.start),
                end=format_instant(stream.period.end),
                resolution=stream.resolution,
                readings=stream.readings,
                raw_values=sum(summary.count for summary in stream.sensors),
                gaps=[
                    f"{format_instant(gap.start)}/{format_instant(gap.end)}"
                    for gap in sorted(stream.gaps, key=lambda gap: gap.start - gap.end)[:_MAX_GAPS]
                ],
                gaps_total=len(stream.gaps),
                truncated=most < longest or len(shown) < len(stream.sensors),
                sensors=[
                    trend.model_copy(update={"series": series(summary.series, stream.period.start, most)})
                    for trend, summary in zip(trends, shown, strict=True)
                ],
            )

        return largest_that_fits(build, least=0, most=min(points, longest))

    def get_device_status(
        self,
        device_id: Annotated[str | None, Field(max_length=100, description="omit for the whole plant")] = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
        cursor: Cursor = None,
    ) -> DeviceStatusAnswer:
        """How devices are now: mode, silence, stale sensors, open alarms.

        Without device_id one line per device of the whole plant: start here. With device_id its
        sensors with value, z-score, quality and limits, its open commands and what you may command now.
        Next: get_active_anomalies, get_sensor_stream.
        """
        plant = self._plant()
        if device_id is not None:
            if cursor is not None:
                raise BadValueError("cursor", cursor, "no cursor beside device_id: one device is one page")
            return self._one(plant, fitting_name(device_id, plant.inventory().devices))
        answer = plant.all_status()
        everyone = answer.value
        question = {"tool": "get_device_status", "limit": limit}
        first = 0
        if cursor is not None:
            (after,) = read_cursor(cursor, question, str)
            first = _index_after(plant.inventory(), everyone, after)
        page = everyone[first : first + limit]
        standing = Counter(_standing(status) for status in everyone)

        def build(count: int, lines: list[DeviceLine]) -> DeviceStatusAnswer:
            more = first + count < len(everyone)
            return DeviceStatusAnswer(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable(answer.unavailable),
                broker_away=broker_away(answer),
                total=len(everyone),
                truncated=more,
                next_cursor=make_cursor(question, page[count - 1].device_id) if more and count else None,
                raw_values=raw_values(page[:count]),
                in_alarm=standing["active"],
                returned=standing["returned"],
                set_aside=standing["set aside"],
                silent=sum(status.silent for status in everyone),
                devices=lines,
            )

        return largest_page(page, lambda status: device_line(DeviceSummary.of(status)), build)

    def _one(self, plant: Plant, device_id: str) -> DeviceStatusAnswer:
        answer = plant.device_status(device_id)
        finished, missing = _finished(plant, device_id, answer.as_of)
        return DeviceStatusAnswer(
            as_of=format_instant(answer.as_of),
            unavailable=unavailable({**answer.unavailable, **missing}),
            broker_away=broker_away(answer),
            total=1,
            truncated=False,
            raw_values=raw_values([answer.value]),
            device=device_detail(
                DeviceSummary.of(answer.value),
                plant.inventory().devices.get(device_id),
                _commands(plant, device_id),
                finished,
            ),
        )


def _standing(status: DeviceStatus) -> str:
    """Return what the alarms of a device ask for, by the most urgent of them."""
    states = [alarm.state for alarm in status.alarms]
    if any(state.is_active for state in states):
        return "active"
    if AlarmState.RETURNED in states:
        return "returned"
    return "set aside" if states else "none"


def _commands(plant: Plant, device_id: str) -> DeviceCommands | None:
    try:
        return plant.device_commands(device_id, caller()).value
    except RequestError:
        return None


def _finished(plant: Plant, device_id: str, now: float) -> tuple[list[CommandReceipt], dict[str, str]]:
    """Return the newest commands that ended of late, but for those denied at once; or why nobody knows them."""
    try:
        found = plant.commands(device_id, MAX_COMMANDS, ENDED).value.commands
    except RequestError as error:
        return [], {"finished commands": str(error)}
    return [one for one in found if one.stage_at is not None and one.stage_at > now - _DAY_S], {}


def _status_now(plant: Plant, device_id: str) -> DeviceStatus | None:
    try:
        return plant.device_status(device_id).value
    except RequestError:
        return None


def _index_after(inventory: PlantSpec, everyone: tuple[DeviceStatus, ...], device_id: str) -> int:
    """Return where in ``everyone`` the devices begin that plant.yaml lists after ``device_id``."""
    order = {name: index for index, name in enumerate(inventory.devices)}
    if device_id not in order:
        raise BadValueError("cursor", device_id, "no cursor, to start anew: the plant has changed meanwhile")
    behind = (index for index, status in enumerate(everyone) if order.get(status.device_id, -1) > order[device_id])
    return next(behind, len(everyone))
