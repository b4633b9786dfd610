"""The overview: what is wrong, what waits for a decision, and every machine in its place."""

from functools import lru_cache

from markupsafe import Markup

from aegisflow.console.render import element_id, render
from aegisflow.console.snapshot import AlarmRow, Tile
from aegisflow.console.visit import Content, Item, LivePart, Page, Visit
from aegisflow.domain.rights import Right

__all__ = ["PAGES", "row_item", "tile_item"]

MOST_WRONG = 8
MOST_WAITING = 4
DENSE_ABOVE = 60
"""With more machines than this, a tile says only what is abnormal about its machine."""


def _show(visit: Visit) -> Content:
    now = visit.snapshot
    line = visit.query.get("line", "")
    lines = [spec for spec in now.plant.lines.values() if line in ("", spec.line_id)]
    dense = len(now.tiles) > DENSE_ABOVE
    abnormal_only = visit.query.get("show") == "abnormal"
    tiles = [tile for tile in now.tiles if not (abnormal_only and tile.is_normal)]
    parts = [_wrong(visit), _waiting(visit), visit.part("totals", "parts/totals.html", tiles=now.tiles)]
    for spec in lines:
        own = [tile for tile in tiles if tile.line == spec.line_id]
        parts.append(LivePart(element_id("line", spec.line_id), tuple(tile_item(tile, dense) for tile in own)))
    context = {"lines": lines, "line": line, "dense": dense, "abnormal_only": abnormal_only, "alone": len(lines) == 1}
    return Content("overview.html", "Overview", lambda: context, tuple(parts))


def _wrong(visit: Visit) -> LivePart:
    rows = visit.snapshot.open_rows
    items = [row_item(row, "brief") for row in rows[:MOST_WRONG]]
    if not rows:
        items = [Item("wrong-none", render("parts/none.html", {"item_id": "wrong-none", "what": "No alarm is open."}))]
    if len(rows) > MOST_WRONG:
        more = len(rows) - MOST_WRONG
        items.append(Item("wrong-more", render("parts/more.html", {"item_id": "wrong-more", "more": more})))
    return LivePart("wrong", tuple(items))


def _waiting(visit: Visit) -> LivePart:
    shown = visit.snapshot.approvals[:MOST_WAITING]
    items = []
    for one in shown:
        name = element_id("waits", one.command_id)
        items.append(Item(name, render("parts/waits.html", {"item_id": name, "one": one})))
    if not shown:
        context = {"item_id": "waits-none", "what": "No command waits for a decision."}
        items.append(Item("waits-none", render("parts/none.html", context)))
    return LivePart("waits", tuple(items))


@lru_cache(maxsize=8_192)
def tile_item(tile: Tile, dense: bool) -> Item:
    """Return the tile of a machine; drawn once however many look at it."""
    name = element_id("tile", tile.device_id)
    return Item(name, render("parts/tile.html", {"item_id": name, "tile": tile, "dense": dense}))


@lru_cache(maxsize=4_096)
def row_item(row: AlarmRow, form: str, choose: bool = True) -> Item:
    """Return an alarm of a list; drawn once however many look at it.

    Args:
        row: the alarm.
        form: ``brief`` for the overview, ``full`` for the list.
        choose: whether the list has a box to choose it.
    """
    name = element_id("alarm" if form == "full" else "brief", row.alarm_id)
    html: Markup = render(f"parts/row_{form}.html", {"item_id": name, "row": row, "choose": choose})
    return Item(name, html)


PAGES = (Page("/", Right.SEE, _show),)
