"""What must hold however often everything fell: counted from the wire, the machines' own logs and the store."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from aegisflow.config import StoreSettings
from aegisflow.domain.commands.model import Stage
from aegisflow.domain.times import parse_instant
from aegisflow.plant.audit import verify_audit
from tests.chaos.core import BARE, PLUG, STEADY
from tests.chaos.witness import ORDERS, SWITCHES
from tests.chaos.world import World
from tests.support.under_command import ADA

FINAL = {stage.value for stage in Stage if stage.is_final}
WORDS = {"emergency_shutdown": "OFF", "restart": "ON"}
"""What is written to the plug for each command."""
FIRST_S = 60.0
"""Plant's time after the end of a fault by which its alarm is dated at the latest."""

Reading = tuple[str, str]
"""Device and stamp."""


def missing(sent: Iterable[Reading], stored: Iterable[tuple[str, float]]) -> list[Reading]:
    """Return what was sent and is not stored; stamps count to the millisecond."""
    kept = {(device_id, round(stamp * 1_000)) for device_id, stamp in stored}
    return sorted(one for one in sent if (one[0], round(parse_instant(one[1]) * 1_000)) not in kept)


def repeated(counts: Counter[str]) -> list[str]:
    """Return what came more than once."""
    return sorted(name for name, times in counts.items() if times > 1)


def unalarmed(episodes: Sequence[Sequence[float]], alarms: Sequence[tuple[float, float | None]]) -> list[float]:
    """Return the beginnings of faults during which no alarm was raised, or still open from before.

    Args:
        episodes: begin and end of each fault.
        alarms: when each alarm was raised, and when its cause was gone; None for not yet.
    """
    return [
        begin
        for begin, end in episodes
        if not any(raised <= end + FIRST_S and (gone is None or gone >= begin) for raised, gone in alarms)
    ]


def touched(episode: Sequence[float], windows: Sequence[tuple[float, float]]) -> bool:
    """Return whether a fault, from its begin to its end, lies in part within any of these times."""
    begin, end = episode
    return any(begin <= until and since <= end for since, until in windows)


def acted(folder: Path) -> Counter[str]:
    """Return how often each command has moved a machine, by the machines' own log."""
    log = folder / "effects.log"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return Counter(line.split()[1] for line in lines if len(line.split()) == 3)


def at_once(world: World) -> list[str]:
    """Return the violations that show while it runs."""
    found = [f"command {one} was published {world.tap.commands[one]} times" for one in repeated(world.tap.commands)]
    if not world.tap.is_open:
        found.append("the proxy of these tests has died, and nothing after that was tried")
    done = acted(world.folder)
    return found + [f"command {one} acted {done[one]} times" for one in repeated(done)] + world.violations


def in_the_end(world: World) -> list[str]:
    """Return every violation, once all is over."""
    return [*at_once(world), *_readings(world), *_commands(world), *_switching(world), *_alarms(world), *_store(world)]


def _readings(world: World) -> list[str]:
    names: dict[int, str] = dict(world.query("SELECT key, name FROM devices"))
    told = "SELECT device, COALESCE(stamp, at) FROM"
    rows = world.query(f"{told} readings UNION ALL {told} fresh_readings")
    stored = [(names[device], stamp) for device, stamp in rows]
    found = []
    for what, sent in (
        ("acknowledged by AegisFlow", world.tap.acknowledged),
        ("confirmed to machines", world.witness.line.confirmed),
    ):
        gone = missing([one for one in sent if one[0] in names.values()], stored)
        if gone:
            found.append(f"{len(gone)} of {len(sent)} readings {what} are not stored, the first {gone[0]}")
    return found


def _commands(world: World) -> list[str]:
    told = "SELECT command_id, stage, proposer_kind, published_at, record FROM commands"
    rows = world.query(f"{told} WHERE device_id <> ?", PLUG)
    found = [f"command {name} ended as {stage}" for name, stage, *_ in rows if stage not in FINAL]
    approvals = world.query("SELECT actor, detail FROM audit WHERE act = 'command_approved'")
    by = {json.loads(detail)["command_id"]: actor for actor, detail in approvals}
    published = {name for name, _, _, at, _ in rows if at is not None}
    free = {name for name, _, kind, _, record in rows if kind == "operator" or _is_mild(record)}
    done = acted(world.folder)
    for name in done:
        if name.startswith("forged-"):
            found.append(f"{name} reached a machine of ours")
        elif name not in published:
            found.append(f"command {name} acted and was never published")
        elif name not in by or (by[name] != ADA.name and name not in free):
            found.append(f"command {name} acted without approval")
    found += [
        f"command {name} is verified and never acted"
        for name, stage, *_ in rows
        if stage == "verified" and name not in done
    ]
    return found + [
        f"command {name} is on the wire and not in the store" for name in world.tap.commands if name not in published
    ]


def _is_mild(record: str) -> bool:
    command = json.loads(record)["receipt"]["command"]
    return command["command"] == "reduce_load" and command["parameters"]["reduction_pct"] <= 30.0


def unordered(words: Iterable[str], granted: Iterable[str]) -> str:
    """Return the first word on the wire for which no grant is left, in the order of both; empty if there is none.

    A grant may stay without its word, for what was granted a moment before a fall is not sent later.
    """
    left = iter(granted)
    return next((word for word in words if word not in left), "")


def _switching(world: World) -> list[str]:
    """A command without an id is known by its place alone."""
    asked = "SELECT command, stage, published_at FROM commands WHERE device_id = ? ORDER BY published_at, proposed_at"
    rows = [(WORDS[command], stage, at) for command, stage, at in world.query(asked, PLUG)]
    found = [f"a command to the plug ended as {stage}" for _, stage, _ in rows if stage not in FINAL]
    granted = [word for word, _, at in rows if at is not None]
    if word := unordered(world.tap.words, granted):
        found.append(f"{word} was written to the plug more often than granted: {world.tap.words}, granted {granted}")
    heard = Counter(world.witness.plug.heard)
    proved = Counter(word for word, stage, _ in rows if stage == "verified")
    return found + [
        f"{proved[word]} times {word} is verified, and the plug heard it {heard[word]} times"
        for word in proved
        if proved[word] > heard[word]
    ]


def _alarms(world: World) -> list[str]:
    alarms = world.query("SELECT raised_at, cleared_at FROM anomalies WHERE device_id = ?", STEADY)
    # What a broker has forgotten comes again late, among newer readings, and need not last as long as an alarm has to.
    episodes = [one for one in world.witness.episodes if len(one) == 2 and not touched(one, world.forgetful)]
    found = [f"the fault that began at {begin:.3f} raised no alarm" for begin in unalarmed(episodes, alarms)]
    asked = "SELECT count(*) FROM anomalies WHERE device_id = ? AND fault_type = 'foreign_command'"
    for device_id, topic in ((BARE, ORDERS), (PLUG, SWITCHES)):
        confirmed = world.witness.line.orders(topic)
        if confirmed and not world.query(asked, device_id)[0][0]:
            found.append(
                f"{confirmed} commands of somebody else to {device_id}, which the broker confirmed, raised no alarm"
            )
    return found


def _store(world: World) -> list[str]:
    found = []
    broken = verify_audit(StoreSettings(url=world.store_url)).broken
    if broken:
        found.append(f"the audit is broken: {broken}")
    if world.is_sqlite:
        told = world.query("PRAGMA integrity_check")
        if told != [("ok",)]:
            found.append(f"the database is damaged: {told[:3]}")
    return found
