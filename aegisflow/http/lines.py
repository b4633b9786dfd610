"""Whose machine it is: people who act on some lines alone are told so before anything is asked of the plant.

What is refused here is refused again where it is done, by the device, the guard and the plant. Here it is so that
somebody learns why at once, and that no route of the API and no form of the page is left out: both call the methods
that ``acting`` marks.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from aegisflow.api import endpoints as ends
from aegisflow.api.endpoints import Endpoint
from aegisflow.api.schemas.base import Request
from aegisflow.domain.alarms.model import device_of
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.rights import Extent
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["acting", "reach_of"]

WHOLE_PLANT = frozenset({ends.RESUME_AGENTS, ends.ADD_AGENT_TOKEN, ends.REVOKE_AGENT_TOKEN, ends.REVOKE_OPERATOR})
"""What is about every line at once."""


class _Routes(Protocol):
    _plant: PlantSource


R = TypeVar("R", bound=_Routes)
W = TypeVar("W", bound=Request)
B = TypeVar("B", bound=Request)
A = TypeVar("A")


def acting(
    endpoint: Endpoint[Any, Any, Any],
) -> Callable[[Callable[[R, W, B, Caller], A]], Callable[[R, W, B, Caller], A]]:
    """Have a method of routes refuse whoever acts on other lines than that of the machine which it is about.

    Args:
        endpoint: what the method answers; its path and its body say which machine that is.
    """

    def wrap(handle: Callable[[R, W, B, Caller], A]) -> Callable[[R, W, B, Caller], A]:
        @wraps(handle)
        def checked(self: R, which: W, body: B, by: Caller) -> A:
            if by.is_limited:
                on = reach_of(endpoint, self._plant(), which, body)
                require_operator(by, endpoint.right, _did(endpoint), on=on)
            return handle(self, which, body, by)

        return checked

    return wrap


def reach_of(endpoint: Endpoint[Any, Any, Any], plant: Plant, which: Request, body: Request) -> str | Extent:
    """Return the line on which a request acts, or how far else it reaches.

    The line is empty, which is nobody's, where the plant does not have the machine any more.

    Raises:
        UnknownNameError: the plant knows no such command or report.
    """
    if endpoint.method == "GET":
        return Extent.ANYWHERE
    if endpoint in WHOLE_PLANT or getattr(body, "yes", False):
        return Extent.WHOLE_PLANT
    device_id = _device_of(endpoint, plant, which, body)
    if device_id is None:
        return Extent.ANYWHERE
    return plant.inventory().line_of(device_id)


def _device_of(endpoint: Endpoint[Any, Any, Any], plant: Plant, which: Request, body: Request) -> str | None:
    """Return which machine a request is about; None for none."""
    named = getattr(which, "id", None)
    match endpoint.noun:
        case "devices":
            return str(named)
        case "alarms":
            return device_of(str(named))
        case "commands" if named is not None:
            return plant.command(str(named)).value.command.device_id
        case "incidents" if isinstance(named, int):
            return plant.incident(named).incident.device_id
        case _:
            named_by_body = getattr(body, "device_id", None)
            return None if named_by_body is None else str(named_by_body)


def _did(endpoint: Endpoint[Any, Any, Any]) -> str:
    return endpoint.name.replace("_", " ")
