"""The list of alarms: filters that combine, and what people do to one or to many."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import Read, name_in, parse
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import WORDS_BYTES, Nothing, Request
from aegisflow.api.text import clean
from aegisflow.console.overview import row_item
from aegisflow.console.render import render
from aegisflow.console.snapshot import AlarmRow, severity_counts
from aegisflow.console.visit import Act, Content, Item, LivePart, Page, Visit, link
from aegisflow.domain.alarms.model import AlarmState, Severity
from aegisflow.domain.rights import Right
from aegisflow.errors import BadValueError, ConflictError, RequestError
from aegisflow.http.alarms import AlarmRoutes
from aegisflow.http.levels import LevelRoutes

__all__ = ["ACTS", "PAGES", "AlarmFilter"]

STATES: dict[str, tuple[str, Callable[[AlarmRow], bool]]] = {
    "open": ("Open", lambda row: not row.state.is_suppressed),
    "unacknowledged": ("Unacknowledged", lambda row: row.needs_acknowledgement),
    "active-unacknowledged": (
        "Active, unacknowledged",
        lambda row: row.state is AlarmState.UNACKNOWLEDGED,
    ),
    "acknowledged": ("Acknowledged", lambda row: row.state is AlarmState.ACKNOWLEDGED),
    "returned": ("Returned", lambda row: row.state is AlarmState.RETURNED),
    "shelved": ("Shelved", lambda row: row.state is AlarmState.SHELVED),
    "out-of-service": ("Out of service", lambda row: row.state is AlarmState.OUT_OF_SERVICE),
    "suppressed": ("Suppressed by mode", lambda row: row.state is AlarmState.SUPPRESSED_BY_DESIGN),
    "silenced-lasting": (
        "Silenced, cause lasts",
        lambda row: row.state.is_suppressed and row.lasts,
    ),
    "all": ("All", lambda row: True),
}
"""State by which the list can be filtered, to its words and to what it admits."""
PAGE = 100
SHELVES = (
    ("1800", "30 minutes"),
    ("3600", "1 hour"),
    ("14400", "4 hours"),
    ("28800", "8 hours"),
    ("43200", "12 hours"),
)
MOST_AT_ONCE = 200
_NOTE = {"note": "Note or reason"}


def _clean(value: object) -> str:
    return clean(str(value), WORDS_BYTES)


class AlarmFilter(Request):
    """Which alarms are listed; every field narrows."""

    state: Annotated[str, name_in("state", tuple(STATES))] = "open"
    severity: Annotated[str, name_in("severity", ("", *Severity))] = ""
    """This one and worse."""
    line: Annotated[str, Read(_clean, "a line")] = ""
    kind: Annotated[str, Read(_clean, "a kind of device")] = ""
    text: Annotated[str, Read(_clean, "a text")] = ""
    """LivePart of the id, the machine, the fault, the evidence, a note or a name."""

    def admits(self, row: AlarmRow) -> bool:
        """Return whether an alarm is listed."""
        least = Severity(self.severity).rank if self.severity else 0
        seen = f"{row.alarm_id} {row.fault} {row.evidence} {row.note} {row.acknowledged_by} {row.set_aside_by}"
        return (
            STATES[self.state][1](row)
            and row.severity.rank >= least
            and self.line in ("", row.line)
            and self.kind in ("", row.kind)
            and all(word in seen.casefold() for word in self.text.casefold().split())
        )

    def query(self) -> str:
        """Return it as the query of an address; empty for one that narrows nothing."""
        return urlencode({name: value for name, value in self.model_dump(exclude_defaults=True).items() if value})


def _filter(visit: Visit) -> AlarmFilter:
    return parse(AlarmFilter, {name: value for name, value in visit.query.items() if value})


def _show(visit: Visit) -> Content:
    wanted = _filter(visit)
    now = visit.snapshot
    found = [row for row in now.rows if wanted.admits(row)]
    items = [row_item(row, "full", visit.may(Right.HANDLE_ALARMS, row.device_id)) for row in found[:PAGE]]
    if not found:
        what = "No alarm is like this." if now.rows else "There is no alarm."
        items = [Item("alarms-none", render("parts/none.html", {"item_id": "alarms-none", "what": what}))]
    counts = {state: sum(admits(row) for row in now.rows) for state, (_, admits) in STATES.items()}
    summary = visit.part(
        "alarm-counts",
        "parts/alarm_counts.html",
        by_severity=severity_counts(found),
        by_state={STATES[state][0]: (state, number) for state, number in counts.items()},
        shown=len(items) if found else 0,
        total=len(found),
        wanted=wanted,
    )
    context = {
        "wanted": wanted,
        "states": {state: words_of for state, (words_of, _) in STATES.items()},
        "severities": [str(one) for one in sorted(Severity, key=lambda one: -one.rank)],
        "lines": list(now.plant.lines),
        "kinds": sorted({spec.kind for spec in now.plant.devices.values()}),
        "shelves": SHELVES,
    }
    return Content("alarms.html", "Alarms", lambda: context, (summary, LivePart("alarms", tuple(items))))


# --- what people do to them -------------------------------------------------------------------


def _ids(visit: Visit) -> tuple[str, ...]:
    named = visit.named.get("id")
    chosen = (named,) if named else tuple(dict.fromkeys(visit.form.all("alarm")))
    if not chosen:
        raise BadValueError("alarm", "none", "at least one alarm that is chosen")
    if len(chosen) > MOST_AT_ONCE:
        raise BadValueError("alarm", f"{len(chosen)} alarms", f"at most {MOST_AT_ONCE} at once")
    return chosen


def _each(visit: Visit, do: Callable[[AlarmRoutes, str], object], done: str) -> str:
    """Do something to each alarm that is chosen, and tell what became of it: one that fails stops no other."""
    routes, told, failed = AlarmRoutes(lambda: visit.plant), list[str](), dict[str, RequestError]()
    for alarm_id in _ids(visit):
        try:
            do(routes, alarm_id)
            told.append(alarm_id)
        except RequestError as error:
            failed[alarm_id] = error
    why = "; ".join(f"{alarm_id}: {error}" for alarm_id, error in failed.items())
    if not told:
        raise next(iter(failed.values())) if len(failed) == 1 else ConflictError(why)
    names = told[0] if len(told) == 1 else f"{len(told)} alarms"
    return f"{names} {done}." + (f" Not done: {why}" if failed else "")


def _given(visit: Visit, name: str) -> dict[str, str]:
    """Return the form with its one field for words under the name that a request has for it."""
    given = visit.form.given()
    if "note" in given:
        given.setdefault(name, given["note"])
    return given


def _acknowledge(visit: Visit) -> str:
    body = parse(ends.ACKNOWLEDGE.body, visit.form.given())

    def acknowledge(routes: AlarmRoutes, alarm_id: str) -> None:
        done = routes.acknowledge(ById(id=alarm_id), body, visit.who)
        # A second acknowledgement changes nothing: whose it is must not be believed to be theirs who came too late.
        if done.acknowledged_by and done.acknowledged_by != visit.who.name:
            raise ConflictError(f"{done.acknowledged_by} had acknowledged it before")
        if done.state.is_suppressed:
            raise ConflictError(f"nobody is asked to acknowledge it: it is {done.state.replace('_', ' ')}")

    return _each(visit, acknowledge, "acknowledged")


def _shelve(visit: Visit) -> str:
    body = parse(ends.SHELVE.body, _given(visit, "reason"))
    return _each(visit, lambda routes, one: routes.shelve(ById(id=one), body, visit.who), "shelved")


def _unshelve(visit: Visit) -> str:
    return _each(visit, lambda routes, one: routes.unshelve(ById(id=one), Nothing(), visit.who), "back from its shelf")


def _take_out(visit: Visit) -> str:
    body = parse(ends.TAKE_OUT_OF_SERVICE.body, _given(visit, "reason"))
    return _each(visit, lambda routes, one: routes.take_out(ById(id=one), body, visit.who), "taken out of service")


def _put_back(visit: Visit) -> str:
    return _each(visit, lambda routes, one: routes.put_back(ById(id=one), Nothing(), visit.who), "back in service")


def _accept(visit: Visit) -> str:
    body = parse(ends.ACCEPT_ALARM.body, _given(visit, "reason"))
    LevelRoutes(lambda: visit.plant).accept_alarm(ById(id=visit.named["id"]), body, visit.who)
    return "What the sensors of this alarm show now counts as normal; the alarm ends by itself."


def _back_to_list(visit: Visit) -> str:
    return visit.form.text("back") if visit.form.text("back").startswith("/alarms") else "/alarms"


def _back_to_alarm(visit: Visit) -> str:
    return link("alarms", visit.named["id"])


_DONE = (
    ("acknowledge", ends.ACKNOWLEDGE.right, _acknowledge, "acknowledge"),
    ("shelve", ends.SHELVE.right, _shelve, "shelve"),
    ("unshelve", ends.UNSHELVE.right, _unshelve, "end the shelf of"),
    ("out-of-service", ends.TAKE_OUT_OF_SERVICE.right, _take_out, "take out of service"),
    ("in-service", ends.RETURN_TO_SERVICE.right, _put_back, "return to service"),
)
ACTS = (
    *(Act(f"/alarms/{name}", right, do, _back_to_list, f"{what} alarms", _NOTE) for name, right, do, what in _DONE),
    *(
        Act(f"/alarms/{{id}}/{name}", right, do, _back_to_alarm, f"{what} an alarm", _NOTE)
        for name, right, do, what in _DONE
    ),
    Act("/alarms/{id}/accept", ends.ACCEPT_ALARM.right, _accept, _back_to_alarm, "accept a level as normal", _NOTE),
)
PAGES = (Page("/alarms", Right.SEE, _show),)
