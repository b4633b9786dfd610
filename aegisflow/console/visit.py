"""One request of somebody who is signed in, and what pages and acts answer it with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.console.forms import Form
from aegisflow.console.render import render
from aegisflow.console.sessions import Session
from aegisflow.console.snapshot import Snapshot
from aegisflow.domain.callers import Caller
from aegisflow.domain.rights import Extent, Right
from aegisflow.errors import ConflictError
from aegisflow.plant.protocol import Plant

__all__ = ["Act", "Content", "Download", "Item", "LivePart", "OverError", "Page", "Visit"]


class OverError(ConflictError):
    """What a form is about is over: to send it again cannot help, so that it is not shown again."""


class Item(NamedTuple):
    """A piece of a page that can be replaced by itself; its outermost element has the id."""

    element_id: str
    html: Markup


@dataclass(frozen=True, slots=True)
class LivePart:
    """A container of a page whose items come, change and go while it is open."""

    container: str
    """Id of the element that holds the items and nothing else."""
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, for what, and how the plant is."""

    plant: Plant
    snapshot: Snapshot
    who: Caller
    session: Session
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    """What the path names, such as the id of an alarm."""
    form: Form = field(default_factory=Form)

    def may(self, right: Right, device_id: str | None = None) -> bool:
        """Return whether the role of whoever asks has a right: on the line of a machine, or anywhere without one."""
        if device_id is None:
            return self.who.may(right)
        return self.who.may(right, self.snapshot.plant.line_of(device_id))

    def may_for_all(self, right: Right) -> bool:
        """Return whether the role of whoever asks has a right for the whole plant."""
        return self.who.may(right, Extent.WHOLE_PLANT)

    def commands(self, device_id: str | None, limit: int) -> list[CommandSummary]:
        """Return the newest commands, of one machine or of all; all who look now ask the plant once."""
        receipts = self.snapshot.shared.once(
            ("commands", device_id, limit), lambda: self.plant.commands(device_id, limit).value.commands
        )
        return [CommandSummary.of(one) for one in receipts]

    def part(self, container: str, template: str, **context: object) -> LivePart:
        """Return a part with a single item, whose outermost element is ``<container>-now``."""
        html = render(template, {**self.context(), **context, "item_id": f"{container}-now"})
        return LivePart(container, (Item(f"{container}-now", html),))

    def context(self) -> dict[str, object]:
        """Return what every template may use."""
        return {
            "visit": self,
            "now": self.snapshot,
            "who": self.who,
            "csrf": self.session.csrf,
            "Right": Right,
            "may": self.may,
            "may_for_all": self.may_for_all,
        }


@dataclass(frozen=True, slots=True)
class Content:
    """What a page is made of."""

    template: str
    title: str
    context: Callable[[], Mapping[str, object]] = dict
    """Returns what else the template needs. It is called when the page is loaded, and not for its stream: whatever
    the parts do not show is asked of the plant in here."""
    parts: tuple[LivePart, ...] = ()
    """What changes by itself; the stream of the page sends what differs."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file, or data for a script, instead of a page."""

    body: str | bytes
    media_type: str
    filename: str = ""
    """Empty for what is not to be saved."""


@dataclass(frozen=True, slots=True)
class Page:
    """Something to look at."""

    path: str
    right: Right
    show: Callable[[Visit], Content | Download]
    """Raises RequestError where there is no such thing."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a form does."""

    path: str
    right: Right
    do: Callable[[Visit], str]
    """Does it and returns what to tell; raises RequestError for what was not done, and why."""
    back: Callable[[Visit], str]
    """Returns the page to show afterwards."""
    asks: str = ""
    """What is being asked for, for whoever has to send the form again: ``acknowledge an alarm``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Field to what people call it; fields that have none are sent along unseen."""


def link(*parts: Any) -> str:
    """Return a path of parts, each quoted."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)
