"""The handover of a shift from the command line, through a running plant."""

from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.handover import HandoverSummary, ShiftReport
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.times import format_instant
from aegisflow.errors import BadValueError, ConflictError

__all__ = ["handover"]

SHOWN = 20


def handover(
    *,
    leave: Annotated[str | None, Parameter(help="sign as the one who leaves, with what the next should know")] = None,
    take: Annotated[str | None, Parameter(help="sign as the one who comes, with what you have seen")] = None,
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print what one shift tells the next, or sign for it; return the exit code."""
    if leave is not None and take is not None:
        raise BadValueError("--take", take, "one of --leave and --take: two people sign")
    client = OperatorClient(plant, url)
    if leave is not None:
        _print(client.call(ends.HAND_OVER, body={"note": leave}), as_json=as_json)
        return 0
    report = client.call(ends.SHOW_HANDOVER)
    if take is None:
        print_answer(report, _lines(report), as_json=as_json)
        return 0
    if report.waits is None:
        raise ConflictError("nobody has handed the shift over, so there is none to take")
    _print(client.call(ends.TAKE_OVER, body={"handover_at": report.waits.at, "note": take}), as_json=as_json)
    return 0


def _print(signed: HandoverSummary, *, as_json: bool) -> None:
    print_answer(signed, _signatures(signed), as_json=as_json)


def _signatures(one: HandoverSummary) -> Iterable[str]:
    yield f"{format_instant(one.at)}  {one.left_by} -> {one.taken_by or 'nobody yet'}: {one.note}"
    if one.taken_note:
        yield f"  {one.taken_by}: {one.taken_note}"


def _lines(report: ShiftReport) -> Iterable[str]:
    yield f"open, {report.as_of}:"
    yield from (f"  {fact}" for fact in report.open or ["nothing"])
    yield f"happened since {report.since}:"
    for one in report.happened[:SHOWN]:
        yield f"  {one.at}  {one.actor}  {one.act.replace('_', ' ')}  {one.subject}"
    if len(report.happened) > SHOWN:
        yield f"  and {len(report.happened) - SHOWN} more; --json has them"
    elif not report.happened:
        yield "  nothing"
    if report.past:
        yield "handed over:"
        for signed in report.past:
            yield from (f"  {line}" for line in _signatures(signed))
    if report.waits:
        yield f"{report.waits.left_by} has signed; aegisflow handover --take NOTE signs as the one who comes"
    yield from (f"did not answer: {name}: {why}" for name, why in report.unavailable.items())
