"""What people do to alarms over HTTP: list, shelve, take out of service, and the figures; see ``operator_api``."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from aegisflow.api.text import clean
from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.callers import Caller
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.times import Period, format_instant
from aegisflow.errors import BadValueError
from aegisflow.http.fields import real, said
from aegisflow.http.incidents import describe_similar
from aegisflow.plant.past import past_of
from aegisflow.plant.protocol import Plant

MAX_OPERATORS = 100
MAX_PATTERNS = 5
LONGEST_PERIOD_S = 400 * 86_400.0
_WORDS_BYTES = 1_000


class AlarmRoutes:
    """One method per route: parse, one call of the plant, shape."""

    def __init__(self, plant: Callable[[], Plant]) -> None:
        self._plant = plant

    def list(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """The alarms, which were first out, what of the past they are like, and who did not answer."""
        plant = self._plant()
        answer = plant.active_alarms()
        past = past_of(plant, answer.value)
        first = first_outs((alarm for alarm in answer.value if not alarm.state.is_suppressed), plant.inventory())
        return {
            "as_of": format_instant(answer.as_of),
            "alarms": [
                {
                    **describe_alarm(alarm),
                    "first_out": alarm.alarm_id in first,
                    "patterns": [pattern_line(one) for one in past.patterns.get(alarm.alarm_id, ())][:MAX_PATTERNS],
                    "similar_incidents": [describe_similar(one) for one in past.similar.get(alarm.alarm_id, ())],
                }
                for alarm in answer.value
            ],
            "unavailable": {**answer.unavailable, **past.unavailable},
        }

    def shelve(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """For ``duration_s``, because of ``reason``."""
        duration_s = real(body.get("duration_s"), "duration_s")
        return describe_alarm(self._plant().shelve(request.path_params["id"], by, duration_s, _reason(body)))

    def unshelve(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """Before its time."""
        return describe_alarm(self._plant().unshelve(request.path_params["id"], by))

    def take_out(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """Until it is put back, because of ``reason``."""
        return describe_alarm(self._plant().take_out_of_service(request.path_params["id"], by, _reason(body)))

    def put_back(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """Into service."""
        return describe_alarm(self._plant().return_to_service(request.path_params["id"], by))

    def figures(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """Over ``last_s``, for so many ``operators``."""
        plant = self._plant()
        last_s = real(request.query_params.get("last_s", "86400"), "last_s")
        operators = real(request.query_params.get("operators", "1"), "operators")
        if not 600.0 <= last_s <= LONGEST_PERIOD_S:
            raise BadValueError("last_s", last_s, f"600 to {LONGEST_PERIOD_S:.0f} seconds")
        if not 1 <= operators <= MAX_OPERATORS or operators % 1:
            raise BadValueError("operators", operators, f"a whole number from 1 to {MAX_OPERATORS}")
        now = plant.now()
        figures = plant.alarm_kpis(Period(now - last_s, now + 1.0), int(operators)).value
        return {"alarms": figures.alarms, "lines": list(figures.lines()), "top": dict(figures.top)}


def describe_alarm(alarm: Alarm) -> dict[str, object]:
    """Return an alarm as JSON; what people wrote comes last and says whose words they are."""
    until = alarm.shelved_until
    return {
        "alarm_id": alarm.alarm_id,
        "device_id": alarm.device_id,
        "fault_type": alarm.fault_type,
        "severity": str(alarm.severity),
        "state": str(alarm.state),
        "raised_at": format_instant(alarm.raised_at),
        "lasts": alarm.lasts,
        "shelved_until": None if until is None else format_instant(until),
        "reasons": [clean(reason, 200) for reason in alarm.reasons[:6]],
        "set_aside_by": clean(alarm.suppressed_by, 100),
        "set_aside_because": clean(alarm.suppression_reason, _WORDS_BYTES),
    }


def _reason(body: Mapping[str, Any]) -> str:
    return said(body.get("reason"), "reason", _WORDS_BYTES, "why, in a few words")
