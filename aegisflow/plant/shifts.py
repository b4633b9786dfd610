"""The handover of shifts: two signatures in the audit."""

import threading
from collections.abc import Callable, Sequence

from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.handover import ACTS, HANDED_OVER, SHIFT, TAKEN_OVER, check_take_over, handovers
from aegisflow.domain.rights import Extent, Right
from aegisflow.domain.views import AuditEntry, AuditPage, AuditQuery

__all__ = ["ShiftOffice"]

MAX_HANDOVERS = 50
"""Newest handovers and signatures among which one is looked for that somebody takes over."""


class ShiftOffice:
    """Has people hand over the shift and take it over, one of them at a time."""

    def __init__(
        self,
        find: Callable[[AuditQuery], AuditPage],
        keep: Callable[[AuditEntry], AuditEntry],
        now: Callable[[], float],
    ) -> None:
        """Take what reads the audit, what commits a row of it, and the plant's clock."""
        self._find, self._keep, self._now = find, keep, now
        self._one_at_a_time = threading.Lock()

    def hand_over(self, note: str, facts: Sequence[str], by: Caller) -> AuditEntry:
        """Keep in the audit that somebody hands the shift over: their note, and what they saw."""
        require_operator(by, Right.HANDLE_ALARMS, "hand the shift over", on=Extent.ANYWHERE)
        return self._sign(by, HANDED_OVER, {"note": note, "facts": list(facts)})

    def take_over(self, handover_at: float, note: str, by: Caller) -> AuditEntry:
        """Keep in the audit that somebody takes over the shift that was handed over at that instant."""
        require_operator(by, Right.HANDLE_ALARMS, "take the shift over", on=Extent.ANYWHERE)
        with self._one_at_a_time:
            page = self._find(AuditQuery(acts=ACTS, limit=MAX_HANDOVERS))
            check_take_over(handovers(page.entries), handover_at, by.name)
            return self._sign(by, TAKEN_OVER, {"note": note, "handover_at": handover_at})

    def _sign(self, by: Caller, act: str, detail: dict[str, object]) -> AuditEntry:
        return self._keep(AuditEntry(self._now(), by.name, act, SHIFT, detail))
