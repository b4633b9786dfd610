"""What people do with incident reports over HTTP: find, write, review, correct and withdraw them."""

from aegisflow.api import endpoints as ends
from aegisflow.api.periods import past_instant
from aegisflow.api.schemas.base import Nothing, moment
from aegisflow.api.schemas.incidents import (
    ByNumber,
    Corrections,
    IncidentHistory,
    IncidentList,
    IncidentListRequest,
    IncidentRequest,
    IncidentSummary,
    ListedIncident,
    ReviewRequest,
)
from aegisflow.domain.callers import Caller
from aegisflow.domain.incidents.model import IncidentQuery, IncidentReview, NewIncident
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.times import Period, format_instant
from aegisflow.errors import BadValueError
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource

__all__ = ["IncidentRoutes"]


class IncidentRoutes:
    """One method for each endpoint over incident reports: one call of the plant, whose answer is given its shape."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def list(self, which: IncidentListRequest, body: Nothing, by: Caller) -> IncidentList:
        """Return reports, how they were found, and the faults that come again."""
        plant = self._plant()
        query = IncidentQuery(
            period=None if which.last_s is None else _period(which.last_s, plant.now()),
            device_id=which.device_id,
            kind=which.kind,
            fault_type=which.fault_type,
            text=which.text,
            similar_to=which.similar_to,
            reviewed=which.reviewed,
            withdrawn=bool(which.withdrawn),
            limit=which.limit,
        )
        answer = plant.incidents(query)
        found = answer.value
        return IncidentList(
            as_of=format_instant(answer.as_of),
            broker_away_since=moment(answer.broker_away_since),
            total=found.total,
            method=found.method,
            note=found.note,
            patterns=[pattern_line(pattern) for pattern in plant.patterns()],
            incidents=[ListedIncident.of(one, alike=found.why.get(one.incident_id, ())) for one in found.incidents],
        )

    def show(self, which: ByNumber, body: Nothing, by: Caller) -> IncidentHistory:
        """Return one report and what it said before."""
        return IncidentHistory.whole(self._plant().incident(which.id))

    @acting(ends.WRITE_INCIDENT)
    def write(self, which: Nothing, body: IncidentRequest, by: Caller) -> IncidentSummary:
        """Store a report of the person's own."""
        plant = self._plant()
        now = plant.now()
        report = NewIncident(
            device_id=body.device_id,
            alarm_id=body.alarm_id,
            fault_type=body.fault_type,
            severity=body.severity,
            title=body.title,
            root_cause=body.root_cause,
            actions_taken=body.actions_taken,
            outcome=body.outcome,
            author=by.name,
            origin="person",
            occurred_at=now if body.occurred_at is None else past_instant(body.occurred_at, "occurred_at", now),
        )
        return IncidentSummary.of(plant.log_incident(report, by))

    @acting(ends.REVIEW_INCIDENT)
    def review(self, which: ByNumber, body: ReviewRequest, by: Caller) -> IncidentSummary:
        """Record that a person finds a report right as it stood, right once corrected, or to be withdrawn."""
        plant = self._plant()
        changes = _changes(body.changes, plant.now())
        return IncidentSummary.of(
            plant.review_incident(IncidentReview(which.id, body.revision, by, changes, body.note, body.withdraw))
        )


def _changes(corrections: Corrections, now: float) -> dict[str, str | float]:
    """Return the new value of each part that is to be corrected."""
    changes: dict[str, str | float] = dict(corrections.model_dump(exclude_unset=True))
    if corrections.occurred_at is not None:
        changes["occurred_at"] = past_instant(corrections.occurred_at, "changes.occurred_at", now)
    return changes


def _period(last_s: float, now: float) -> Period:
    if not 0 < last_s <= now:
        raise BadValueError("last_s", last_s, "seconds, more than 0 and no more than since 1970")
    return Period(now - last_s, now + 1.0)
