"""All that there is to see and to do, in one place."""

from aegisflow.console import alarm, alarms, approvals, frame, machines, overview

__all__ = ["ACTS", "PAGES", "TABS"]

PAGES = (*overview.PAGES, *alarms.PAGES, *alarm.PAGES, *machines.PAGES, *approvals.PAGES)
ACTS = (*frame.ACTS, *alarms.ACTS, *machines.ACTS, *approvals.ACTS)
TABS = (
    ("/", "Overview", ""),
    ("/alarms", "Alarms", "nav-alarms"),
    ("/approvals", "Approvals", "nav-approvals"),
)
"""Path, name and, where something is counted beside it, the part with the number."""
