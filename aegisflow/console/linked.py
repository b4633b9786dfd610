"""The page behind a link in a notification: it acknowledges one alarm for one person, and opens nothing else."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from aegisflow.api.schemas.alarms import ListedAlarm, NoteRequest
from aegisflow.api.text import clean
from aegisflow.console import answers
from aegisflow.console.forms import Form
from aegisflow.console.render import render
from aegisflow.domain.alarms.links import LinkedAlarm
from aegisflow.errors import AegisFlowError, BadValueError, NotAllowedError, UnavailableError
from aegisflow.http.failures import FailedLogins, address_of
from aegisflow.http.operators import status_of
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["PATH", "LinkPages"]

PATH = "/acknowledge/{link}"
MOST = 900
"""Bytes of a note, as where people are signed in."""


class LinkPages:
    """Shows what a link is for, and lets its button acknowledge.

    Whoever opens it need not be signed in: the link itself says who was told. To open it changes nothing, since mail
    scanners and the previews of chats open every link that they are sent; only its button does.
    """

    def __init__(self, plant: PlantSource, failures: FailedLogins) -> None:
        self._plant = plant
        self._failures = failures

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route(PATH, self._show, methods=["GET"]),
            Route(PATH, self._acknowledge, methods=["POST"]),
        ]

    async def _show(self, request: HttpRequest) -> Response:
        return await self._answer(request, None)

    async def _acknowledge(self, request: HttpRequest) -> Response:
        form = await answers.sent_form(request)
        return form if isinstance(form, Response) else await self._answer(request, form)

    async def _answer(self, request: HttpRequest, form: Form | None) -> Response:
        address, text = address_of(request.scope), request.path_params["link"]
        barred = self._failures.barred(address)
        try:
            return await run_in_threadpool(_page, self._plant, text, form, address)
        except NotAllowedError as error:  # nobody has signed it
            self._failures.failed(address, "link")
            await self._failures.hold(address)
            return answers.trouble(str(error), 429 if barred else 403)
        except AegisFlowError as error:
            return answers.trouble(str(error), status_of(error))


def _page(source: PlantSource, text: str, form: Form | None, address: str) -> Response:
    plant = source()
    seen, done, note = plant.linked_alarm(text), "", "" if form is None else form.text("note")
    status = 200
    if form is not None:
        try:
            if len(note.encode()) > MOST:
                raise BadValueError("note", f"{len(note.encode())} bytes", f"at most {MOST}")
            plant.acknowledge_by_link(text, _note(note), address)
            done = f"{seen.alarm.alarm_id} is acknowledged in the name of {seen.link.person}."
        except (BadValueError, UnavailableError) as error:
            return _html(plant, seen, note, wrong=str(error), status=status_of(error))
        except AegisFlowError as error:
            # As it is by now: somebody else may have been faster.
            seen, status = LinkedAlarm(seen.link, seen.alarm, str(error)), status_of(error)
    return _html(plant, seen, note, done=done, status=status)


def _note(text: str) -> str:
    return NoteRequest(note=clean(text, MOST)).note if text else ""


def _html(
    plant: Plant, seen: LinkedAlarm, note: str, *, done: str = "", wrong: str = "", status: int = 200
) -> Response:
    spec, alarm = plant.inventory(), seen.alarm
    device = spec.devices.get(alarm.device_id)
    shown = ListedAlarm.among(alarm, device, plant.now(), first_out=False, patterns=(), similar=())
    context = {
        "plant": spec.name,
        "link": seen.link,
        "alarm": shown,
        "response": spec.response(alarm.fault_type, device.kind if device else ""),
        "why_not": "" if done else seen.why_not,
        "done": done,
        "wrong": wrong,
        "note": note,
        "most": MOST,
    }
    return HTMLResponse(render("linked.html", context), status, answers.HEADERS)
