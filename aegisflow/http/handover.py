"""What people do about the handover of a shift over HTTP, and what the page shows of it."""

from typing import NamedTuple

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import listed_alarms
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.commands import AgentSwitch, Approval
from aegisflow.api.schemas.handover import HandoverRequest, HandoverSummary, ShiftReport, TakeOverRequest, open_facts
from aegisflow.api.schemas.journal import JournalEntry, JournalPage
from aegisflow.domain.callers import Caller
from aegisflow.domain.handover import ACTS, handovers
from aegisflow.domain.times import Period, format_instant
from aegisflow.domain.views import AuditQuery
from aegisflow.errors import AegisFlowError
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["HandoverRoutes", "PastShifts", "past_shifts"]

LISTED = 10
HAPPENED = 100
SHIFT_S = 12 * 3_600.0
_LOUD = ("alarm_", "command_", "agents_", "mode_stated", "incident_", "level_", "plant_reloaded", "policy_")


class PastShifts(NamedTuple):
    """The handovers that were, and what has happened since the last one."""

    past: list[HandoverSummary]
    waits: HandoverSummary | None
    since: float
    """UTC epoch seconds by the plant's clock."""
    happened: list[JournalEntry]


def past_shifts(plant: Plant, now: float) -> PastShifts:
    """Return the last handovers and what has happened since, as of an instant by the plant's clock."""
    page = plant.journal(AuditQuery(acts=ACTS, limit=4 * LISTED)).value
    past = [HandoverSummary.of(one) for one in handovers(page.entries)][:LISTED]
    waits = past[0] if past and not past[0].taken_by else None
    since = past[0].at if past else now - SHIFT_S
    happened = plant.journal(AuditQuery(Period(since, now + 1.0), _LOUD, limit=HAPPENED))
    return PastShifts(past, waits, since, JournalPage.of(happened).entries)


class HandoverRoutes:
    """One method for each endpoint over the handover."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def show(self, which: Nothing, body: Nothing, by: Caller) -> ShiftReport:
        """Return what one shift tells the next; what cannot be asked is named."""
        plant = self._plant()
        now = plant.now()
        facts, unavailable = _open(plant)
        shifts = past_shifts(plant, now)
        return ShiftReport(
            as_of=format_instant(now),
            open=facts,
            waits=shifts.waits,
            past=shifts.past,
            since=format_instant(shifts.since),
            happened=shifts.happened,
            unavailable=unavailable,
        )

    @acting(ends.HAND_OVER)
    def leave(self, which: Nothing, body: HandoverRequest, by: Caller) -> HandoverSummary:
        """Sign as the one who leaves; what is open is kept with it."""
        plant = self._plant()
        entry = plant.hand_over(body.note, _open(plant)[0], by)
        return HandoverSummary.of(handovers([entry])[0])

    @acting(ends.TAKE_OVER)
    def take(self, which: Nothing, body: TakeOverRequest, by: Caller) -> HandoverSummary:
        """Sign as the one who comes."""
        plant = self._plant()
        plant.take_over(body.handover_at, body.note, by)
        page = plant.journal(AuditQuery(acts=ACTS, limit=4 * LISTED)).value
        taken = next(one for one in handovers(page.entries) if one.at == body.handover_at)
        return HandoverSummary.of(taken)


def _open(plant: Plant) -> tuple[list[str], dict[str, str]]:
    alarms, statuses = plant.active_alarms(), plant.all_status()
    unavailable = {**alarms.unavailable, **statuses.unavailable}
    approvals: list[Approval] = []
    agents = None
    try:
        approvals = [Approval.wanted(view) for view in plant.approvals().value]
        agents = AgentSwitch.of(plant.agent_writes())
    except AegisFlowError as error:
        unavailable["commands"] = str(error)
    silent = [status.device_id for status in statuses.value if status.silent]
    return open_facts(listed_alarms(plant.inventory(), alarms), approvals, silent, agents), unavailable
