"""The master alarm table (ISA-18.2) as rows and as CSV: what people see on the page, take away and bring back."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aegisflow.domain.equipment import FaultResponse, PlantSpec
from aegisflow.domain.times import exact_duration

__all__ = ["HEAD", "ResponseRow", "as_csv", "from_cell", "response_rows", "rows_of", "what_to_do_csv"]

HEAD = ("fault", "kind", "severity", "cause", "consequence", "respond_within", "action")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a spreadsheet would take for a formula; an apostrophe as well, so that the one before it can be told apart."""


class ResponseRow(NamedTuple):
    """What to do about a type of fault, on one kind of device or, without a kind, on all others."""

    fault: str
    kind: str
    severity: str
    response: FaultResponse


def response_rows(plant: PlantSpec) -> list[ResponseRow]:
    """Return a row for each type of fault and each kind that differs; empty where nobody has said anything."""
    severities: dict[str, str] = {}
    for device in plant.devices.values():
        severities |= {rule.name: str(rule.severity) for rule in device.faults}
    return rows_of(severities, plant.responses)


def rows_of(severities: Mapping[str, str], responses: Mapping[str, Mapping[str, FaultResponse]]) -> list[ResponseRow]:
    """Return the rows of these types of fault, and of those that only the responses name."""
    return [
        ResponseRow(name, kind, severities.get(name, ""), response)
        for name in dict.fromkeys((*severities, *responses))
        for kind, response in responses.get(name, {"": FaultResponse()}).items()
    ]


def what_to_do_csv(rows: Iterable[ResponseRow]) -> str:
    """Return the table as CSV, as ``aegisflow responses import`` takes it."""
    return as_csv(
        HEAD,
        (
            (
                row.fault,
                row.kind,
                row.severity,
                row.response.cause,
                row.response.consequence,
                "" if row.response.respond_within_s is None else exact_duration(row.response.respond_within_s),
                row.response.action,
            )
            for row in rows
        ),
    )


def as_csv(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table as CSV; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows)
    return text.getvalue()


def from_cell(cell: str) -> str:
    """Return what a cell said before ``as_csv`` put an apostrophe before it."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
