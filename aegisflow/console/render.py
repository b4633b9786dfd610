"""Templates, and how instants, figures and names are written in them."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from aegisflow.api.next_steps import on_the_page
from aegisflow.api.schemas.alarms import SensorEvidence
from aegisflow.domain.alarms.deviation import NEVER_MOVED, describe_deviation
from aegisflow.domain.times import format_instant

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["STATIC", "render", "static_url"]

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

SEVERITY_WORDS = {"critical": "Critical", "high": "High", "medium": "Medium", "low": "Low"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
PRIORITY = {"critical": 1, "high": 2, "medium": 3, "low": 4}
STATE_WORDS = {
    "unacknowledged": "Unacknowledged",
    "acknowledged": "Acknowledged",
    "returned_unacknowledged": "Returned, unacknowledged",
    "normal": "Normal",
    "shelved": "Shelved",
    "suppressed": "Suppressed by mode",
    "out_of_service": "Out of service",
}
"""State to its words on the page."""


def render(template: str, context: Mapping[str, object]) -> Markup:
    """Return a template with its context; whatever text is in it stands there as text."""
    return Markup(_environment().get_template(template).render(context))  # noqa: S704 - made by autoescaping templates


@cache
def static_url(name: str) -> str:
    """Return the address of a file, which changes with its content so that browsers may keep it for good."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


@cache
def _environment() -> "Environment":
    # Not before somebody looks at a page: beside each client of aegisflow mcp, nobody may ever do.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "when": when,
        "timed": timed,
        "lasting": lasting,
        "figure": figure,
        "words": lambda name: str(name).replace("_", " "),
        "by_how_much": by_how_much,
        "on_the_page": on_the_page,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "element_id": element_id,
        "never_moved": never_moved,
    }
    environment.globals |= {
        "static": static_url,
        "PRIORITY": PRIORITY,
        "SEVERITY_WORDS": SEVERITY_WORDS,
        "STATE_WORDS": STATE_WORDS,
    }
    return environment


def never_moved(one: SensorEvidence) -> bool:
    """Return whether a sensor had shown one value only, until it made the move that an alarm is about."""
    return describe_deviation(one.value, one.baseline, one.spread, one.z) == NEVER_MOVED


def when(at: str | float | None, form: str = "full") -> Markup:
    """Return an instant for people: in UTC, which the page's script turns into the viewer's zone.

    Args:
        at: ISO 8601, or UTC epoch seconds; None for never.
        form: ``full``, ``time`` alone, ``left``: how long until then, or ``ago``: how long since then.
    """
    if at is None:
        return Markup("–")
    iso = format_instant(at) if isinstance(at, int | float) else at
    text = iso.replace("T", " ").removesuffix("Z").partition(".")[0] + " UTC"
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(iso, form, text)


def timed(text: str) -> Markup:
    """Return a text in which every instant is one for people, as ``when`` writes it."""
    found, end = Markup(), 0
    for instant in _INSTANT.finditer(text):
        found += text[end : instant.start()] + when(instant.group())
        end = instant.end()
    return found + text[end:]


def lasting(seconds: float | None) -> str:
    """Return how long something lasts: ``45 s``, ``12 min``, ``3 h 05 min``, ``2 d 4 h``."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def figure(value: float | None, unit: str = "") -> str:
    """Return a value to four significant digits with its unit; a dash for none."""
    if value is None:
        return "–"
    digits = f"{value:.4g}"
    # 1.2e+04 is not how people read a pressure.
    shown = f"{value:.0f}" if "e" in digits and abs(value) >= 1 else digits
    return f"{shown} {unit}".rstrip()


def by_how_much(parameters: Mapping[str, object]) -> str:
    """Return a command's parameters as people say them behind its name: ``by 20 %``, ``pressure setpoint 31.5``."""
    texts = []
    for name, value in parameters.items():
        shown = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        texts.append(f" by {shown} %" if name == "reduction_pct" else f" {name.replace('_', ' ')} {shown}")
    return "".join(texts)


def element_id(kind: str, name: str) -> str:
    """Return an id for an element that stands for something with a name, whatever characters are in it."""
    safe = name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else ""
    return f"{kind}-{safe or hashlib.sha256(name.encode()).hexdigest()[:16]}"
