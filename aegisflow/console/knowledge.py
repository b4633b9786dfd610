"""What to do: the master alarm table (ISA-18.2) of the plant, on a page and as CSV."""

from typing import NamedTuple

from aegisflow.console.journal import as_csv
from aegisflow.console.render import lasting
from aegisflow.console.visit import Content, Download, Page, Visit
from aegisflow.domain.equipment import FaultResponse, PlantSpec
from aegisflow.domain.rights import Right

__all__ = ["PAGES"]

HEAD = ("fault", "kind", "severity", "cause", "consequence", "respond_within", "action")


class _Row(NamedTuple):
    fault: str
    kind: str
    severity: str
    response: FaultResponse


def _rows(plant: PlantSpec) -> list[_Row]:
    """Return a row for each type of fault and each kind that differs; empty where nobody has said anything."""
    severities: dict[str, str] = {}
    for device in plant.devices.values():
        severities |= {rule.name: str(rule.severity) for rule in device.faults}
    names = dict.fromkeys((*severities, *plant.responses))
    return [
        _Row(name, kind, severities.get(name, ""), response)
        for name in names
        for kind, response in plant.responses.get(name, {"": FaultResponse()}).items()
    ]


def _show(visit: Visit) -> Content:
    return Content("what_to_do.html", "What to do", lambda: {"rows": _rows(visit.snapshot.plant)})


def _export(visit: Visit) -> Download:
    cells = [
        (
            row.fault,
            row.kind,
            row.severity,
            row.response.cause,
            row.response.consequence,
            "" if row.response.respond_within_s is None else lasting(row.response.respond_within_s),
            row.response.action,
        )
        for row in _rows(visit.snapshot.plant)
    ]
    return Download(as_csv(HEAD, cells), "text/csv; charset=utf-8", "what-to-do.csv")


PAGES = (Page("/what-to-do", Right.SEE, _show), Page("/what-to-do/export", Right.SEE, _export))
