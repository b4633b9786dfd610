"""All that there is to see and to do, in one place."""

from aegisflow.console import (
    agents,
    alarm,
    alarms,
    approvals,
    frame,
    handover,
    incidents,
    journal,
    knowledge,
    machines,
    overview,
    way_back,
)

__all__ = ["ACTS", "PAGES", "TABS"]

PAGES = (
    *overview.PAGES,
    *alarms.PAGES,
    *alarm.PAGES,
    *machines.PAGES,
    *way_back.PAGES,
    *approvals.PAGES,
    *journal.PAGES,
    *handover.PAGES,
    *incidents.PAGES,
    *knowledge.PAGES,
    *agents.PAGES,
)
ACTS = (
    *frame.ACTS,
    *alarms.ACTS,
    *machines.ACTS,
    *way_back.ACTS,
    *approvals.ACTS,
    *handover.ACTS,
    *incidents.ACTS,
    *agents.ACTS,
)
TABS = (
    ("/", "Overview", ""),
    ("/alarms", "Alarms", "nav-alarms"),
    ("/approvals", "Approvals", "nav-approvals"),
    ("/journal", "Journal", ""),
    ("/handover", "Handover", ""),
    ("/what-to-do", "What to do", ""),
    ("/incidents", "Incidents", ""),
    ("/manuals", "Manuals", ""),
    ("/agents", "Agents", ""),
)
"""Path, name and, where something is counted beside it, the part with the number."""
