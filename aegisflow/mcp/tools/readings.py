"""Tools that look at devices and their sensors."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf
from typing import Annotated

from pydantic import BeforeValidator, Field

from aegisflow.api.names import fitting_name, sensors_named
from aegisflow.api.periods import asked_period
from aegisflow.api.schemas.devices import DeviceSummary
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.commands.model import ENDED, CommandReceipt, DeviceCommands
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import DeviceStatus, Stream
from aegisflow.errors import BadValueError, RequestError, UnavailableError, UnknownNameError
from aegisflow.mcp.budget import USUAL_TOKENS, largest_page, largest_that_fits
from aegisflow.mcp.gate import caller
from aegisflow.mcp.paging import make_cursor, read_cursor
from aegisflow.mcp.presenters import (
    MAX_COMMANDS,
    broker_away,
    device_detail,
    device_line,
    raw_values,
    unavailable,
)
from aegisflow.mcp.schemas import DeviceLine, DeviceStatusAnswer, SensorStream
from aegisflow.mcp.tools.arguments import Cursor, DeviceId, End, Last, Start
from aegisflow.mcp.trends import USUAL_POINTS, SeriesGrid, gaps_of, trends_of
from aegisflow.plant.protocol import Plant, PlantSource

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_MAX_GAPS = 10
_MAX_SENSORS = 20
_MAX_COMPARED = 8


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
        points: Annotated[int | None, Field(ge=0, le=200, description="of each series; 0: none")] = None,
        compare_with: Annotated[
            list[Annotated[str, Field(max_length=100)]] | None,
            Field(max_length=_MAX_COMPARED),
            BeforeValidator(_listed),
        ] = None,
    ) -> SensorStream:
        """How a device's sensors behaved over a period (default: the last hour).

        Per sensor statistics, gaps and a series that keeps peaks. Compare with the line's other
        devices before concluding a fault. Next: query_device_manual.
        """
        plant = self._plant()
        period = asked_period(start, end, last, now=plant.now(), default_s=_HOUR_S)
        device_id = fitting_name(device_id, plant.inventory().devices)
        asked = sensors_named(sensors or (), device_id, plant.inventory())
        buckets = USUAL_POINTS if points is None else max(1, points)
        answer = plant.sensor_stream(device_id, asked, period, buckets)
        others, missing = _beside(plant, answer.value, compare_with or (), buckets)
        streams = [answer.value, *others]
        grid = SeriesGrid(trends_of(plant.inventory(), streams, _quality_now(plant, streams)), period, buckets)
        gaps = gaps_of(streams)

        def build(count: int, most: int) -> SensorStream:
            offsets, trends = grid.show(count, most)
            return SensorStream(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable({**answer.unavailable, **missing}),
                broker_away=broker_away(answer),
                device_id=device_id,
                start=format_instant(period.start),
                end=format_instant(period.end),
                resolution=answer.value.resolution,
                readings=sum(stream.readings for stream in streams),
                raw_values=sum(summary.count for stream in streams for summary in stream.sensors),
                gaps=gaps[:_MAX_GAPS],
                gaps_total=len(gaps),
                truncated=most < min(points or 0, grid.finest),
                left_out=grid.left_out(count),
                offset_s=offsets,
                sensors=trends,
            )

        tokens = inf if points is not None else USUAL_TOKENS * len(streams)
        # Figures count for more than series: first as many sensors as have room, then as many points of these.
        alone = largest_that_fits(lambda count: build(count, 0), 1, max(1, grid.sensors), tokens)
        finest = grid.finest if points is None else min(points, grid.finest)
        return largest_that_fits(lambda most: build(len(alone.sensors), most), 0, finest, tokens)

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


def _beside(plant: Plant, first: Stream, named: Iterable[str], buckets: int) -> tuple[list[Stream], Mapping[str, str]]:
    """Return the same sensors of other devices over the same period; and why some could not be asked for them."""
    devices = plant.inventory().devices
    names = [name for name in dict.fromkeys(fitting_name(text, devices) for text in named) if name != first.device_id]
    found: list[Stream] = []
    missing: dict[str, str] = {}
    for name in names:
        if name not in devices:
            raise UnknownNameError("device", name, tuple(devices))
        same = tuple(summary.sensor for summary in first.sensors if summary.sensor in devices[name].sensors)
        if not same:
            missing[name] = "it has none of these sensors"
            continue
        try:
            found.append(plant.sensor_stream(name, same, first.period, buckets).value)
        except UnavailableError as error:
            missing[name] = error.why
    return found, missing


def _quality_now(plant: Plant, streams: Iterable[Stream]) -> dict[tuple[str, str], Quality]:
    """Return device and sensor to how far its newest value can be relied upon; those that do not answer are absent."""
    found: dict[tuple[str, str], Quality] = {}
    for stream in streams:
        status = _status_now(plant, stream.device_id)
        for sensor in status.sensors if status else ():
            found[stream.device_id, sensor.spec.name] = sensor.quality
    return found


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
