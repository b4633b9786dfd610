"""What to do: the master alarm table (ISA-18.2) of the plant, on a page and as CSV."""

from aegisflow.api.what_to_do import response_rows, what_to_do_csv
from aegisflow.console.visit import Content, Download, Page, Visit
from aegisflow.domain.rights import Right

__all__ = ["PAGES"]


def _show(visit: Visit) -> Content:
    return Content("what_to_do.html", "What to do", lambda: {"rows": response_rows(visit.snapshot.plant)})


def _export(visit: Visit) -> Download:
    told = what_to_do_csv(response_rows(visit.snapshot.plant))
    return Download(told, "text/csv; charset=utf-8", "what-to-do.csv")


PAGES = (Page("/what-to-do", Right.SEE, _show), Page("/what-to-do/export", Right.SEE, _export))
