"""The journal: who did what, the alarms of a time, what was refused, and how many alarms people got."""

import json
import re
from typing import Annotated
from urllib.parse import urlencode

from aegisflow.api.fields import Read, name_in, parse
from aegisflow.api.periods import asked_period
from aegisflow.api.schemas.alarms import AlarmKpiSummary
from aegisflow.api.schemas.base import WORDS_BYTES, Request, moment
from aegisflow.api.schemas.devices import RefusedList
from aegisflow.api.schemas.journal import JournalPage
from aegisflow.api.text import clean
from aegisflow.api.what_to_do import as_csv
from aegisflow.console.rates import RateChart
from aegisflow.console.visit import Content, Download, Page, Visit
from aegisflow.domain.alarms.kpis import GUIDE, AlarmKpis
from aegisflow.domain.alarms.model import Alarm, Severity
from aegisflow.domain.rights import Right
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery, AuditQuery
from aegisflow.errors import BadValueError

__all__ = ["PAGES"]

LISTED = 200
EXPORTED = 10_000
DEFAULT_S = 12 * 3_600.0
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "everything": ("Everything that was done", ()),
    "alarms": ("What people did about alarms", ("alarm_", "level_")),
    "commands": ("Commands and approvals", ("command_", "agents_", "proposals_", "mode_stated")),
    "reports": ("Incident reports", ("incident_",)),
    "shifts": ("Handovers", ("shift_",)),
    "people": ("Who came, who left, and tokens", ("signed_", "agent_", "operator_")),
    "plant": ("The plant itself", ("plant_", "policy_", "device_", "child_", "own_clock", "sender_clock")),
    "raised": ("Alarms that were raised", ()),
}
"""Kind to its words and to the beginnings of its acts."""
SPANS = ("1h", "12h", "24h", "7d", "30d")


class JournalFilter(Request):
    """Which part of the journal; every field narrows."""

    kind: Annotated[str, name_in("kind", tuple(KINDS))] = "everything"
    last: Annotated[str, Read(lambda value: clean(str(value), 40), "a time such as 12h or 7d")] = ""
    start: Annotated[str, Read(lambda value: clean(str(value), 40), "an instant of ISO 8601")] = ""
    end: Annotated[str, Read(lambda value: clean(str(value), 40), "an instant of ISO 8601")] = ""
    text: Annotated[str, Read(lambda value: clean(str(value), WORDS_BYTES), "a text")] = ""

    def period(self, now: float) -> Period:
        """Return the time that it is about, half a day back where none is named."""
        return asked_period(_utc(self.start), _utc(self.end), self.last or None, now=now, default_s=DEFAULT_S)

    def query(self) -> str:
        """Return it as the query of an address."""
        return urlencode({name: value for name, value in self.model_dump(exclude_defaults=True).items() if value})


def _utc(text: str) -> str | None:
    # A browser's field for date and time says no zone; the page says that it is UTC.
    return f"{text}Z" if text and text[-1].isdigit() and "T" in text and "+" not in text else text or None


def _filter(visit: Visit) -> JournalFilter:
    return parse(JournalFilter, {name: value for name, value in visit.query.items() if value})


_Row = tuple[str, str, str, str, str]


def _rows(visit: Visit, wanted: JournalFilter, limit: int) -> tuple[list[_Row], int]:
    """Return when, who, what, to what and how of each row, newest first, and how many there are in all."""
    period = wanted.period(visit.snapshot.as_of)
    if wanted.kind == "raised":
        page = visit.plant.alarm_history(AlarmQuery(period, limit=limit)).value
        found = [_alarm_row(alarm) for alarm in page.alarms]
        needed = wanted.text.casefold().split()
        kept = [row for row in found if all(word in " ".join(row).casefold() for word in needed)]
        return kept, len(kept) if needed else page.total
    query = AuditQuery(period, KINDS[wanted.kind][1], wanted.text, limit)
    journal = JournalPage.of(visit.plant.journal(query))
    return [(one.at, one.actor, one.act, one.subject, one.detail) for one in journal.entries], journal.total


def _alarm_row(alarm: Alarm) -> _Row:
    told = [f"{alarm.severity}, {alarm.state}"]
    told += [f"cleared {moment(alarm.cleared_at)}"] if alarm.cleared_at is not None else []
    told += [f"acknowledged by {alarm.acknowledged_by}: {alarm.note}"] if alarm.acknowledged_by else []
    told += [f"{one.sensor} {one.value:g}, usual {one.baseline:g}" for one in alarm.evidence]
    subject = f"{alarm.device_id}: {alarm.fault_type.replace('_', ' ')}"
    return moment(alarm.raised_at) or "", alarm.device_id, "alarm_raised", subject, clean("; ".join(told), WORDS_BYTES)


_PROOF = re.compile(r"(?:^|; )(?:digest|\w+_sha256|prev_hash|hash|credential): [0-9a-f]{64}(?=;|$)")
"""What proves a row of the audit: it is in the export and in ``aegisflow audit show``, and tells people nothing."""
_NOTHING = re.compile(r"(?:^|; )\w+: (?:\[\]|\{\})(?=;|$)")
_TEXT = r'"(?:[^"\\]|\\.)*"'
_LIST = re.compile(rf"(?<=: )\[{_TEXT}(?:, {_TEXT})*\](?=;|$)")
"""Texts as JSON lists them."""


def _for_people(detail: str) -> str:
    """Return the detail of a row without what tells people nothing, and lists as people write them."""
    told = _NOTHING.sub("", _PROOF.sub("", detail)).removeprefix("; ")
    return _LIST.sub(lambda found: ", ".join(json.loads(found.group())), told)


def _show(visit: Visit) -> Content:
    return Content("journal.html", "Journal", lambda: _listed(visit, _filter(visit)))


def _listed(visit: Visit, wanted: JournalFilter) -> dict[str, object]:
    rows, total = _rows(visit, wanted, LISTED)
    rows = [(*row[:4], _for_people(row[4])) for row in rows]
    return {
        "wanted": wanted,
        "kinds": {kind: text for kind, (text, _) in KINDS.items()},
        "spans": SPANS,
        "rows": rows,
        "total": total,
        "exported": EXPORTED,
    }


def _export(visit: Visit) -> Download:
    rows, _ = _rows(visit, _filter(visit), EXPORTED)
    return Download(as_csv(("at", "who", "what", "subject", "detail"), rows), "text/csv; charset=utf-8", "journal.csv")


def _refused(visit: Visit) -> Content:
    return Content("refused.html", "Refused messages", lambda: _refused_lines(visit))


def _refused_lines(visit: Visit) -> dict[str, object]:
    found = RefusedList.of(visit.plant.refused()).refused
    return {"lines": found, "counted": sum(one.count for one in found)}


def _kpis(visit: Visit) -> Content:
    return Content("figures.html", "Alarm figures", lambda: _figures(visit))


def _figures(visit: Visit) -> dict[str, object]:
    last, people = visit.query.get("last", "24h"), visit.query.get("operators", "1")
    if not (people.isascii() and people.isdigit() and 1 <= int(people[:4]) <= 100):
        raise BadValueError("operators", people, "a whole number from 1 to 100")
    now = visit.snapshot.as_of
    period = asked_period(None, None, last, now=now, default_s=86_400.0)
    answer = visit.plant.alarm_kpis(Period(period.start, now + 1.0), int(people))
    kpis = answer.value
    shares = [(str(one), _share(kpis, one), GUIDE[one]) for one in sorted(GUIDE, key=lambda s: s.rank)]
    return {
        "kpis": kpis,
        "chart": RateChart.of_kpis(kpis),
        "lines": AlarmKpiSummary.of(answer).lines,
        "shares": shares,
        "last": last,
        "people": int(people),
        "spans": SPANS,
    }


def _share(kpis: AlarmKpis, severity: Severity) -> float:
    """Return the part that a severity of the guide has, in which critical counts as high."""
    counted = (Severity.HIGH, Severity.CRITICAL) if severity is Severity.HIGH else (severity,)
    return sum(kpis.by_severity.get(one, 0.0) for one in counted)


PAGES = (
    Page("/journal", Right.SEE, _show),
    Page("/journal/export", Right.SEE, _export),
    Page("/journal/refused", Right.SEE, _refused),
    Page("/journal/figures", Right.SEE, _kpis),
)
