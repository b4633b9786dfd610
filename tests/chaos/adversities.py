"""What can befall a plant: each is begun, lasts a moment, and ends; one function each, chosen by a seeded chance."""

import random
import signal
import threading
from collections.abc import Callable

from tests.chaos.world import World
from tests.support.under_command import DEVICES

Adversity = Callable[[World, random.Random], str]
"""Does it, and returns what it did in a few words."""


def _last(seconds: float) -> None:
    threading.Event().wait(seconds)


def kill(world: World, chance: random.Random) -> str:
    """Kill one or several at once."""
    first = chance.choices(("core", "machines", "broker"), (4, 3, 1))[0]
    others = [name for name in ("core", "machines", "broker") if name != first]
    victims = [first, *(chance.sample(others, chance.choice((1, 2))) if chance.random() < 0.25 else ())]
    for victim in victims:
        world.kill(victim)
    _last(chance.uniform(0.0, 0.3))
    for victim in victims:
        world.bring_back(victim)
    return f"kill {'+'.join(victims)}"


def freeze(world: World, chance: random.Random) -> str:
    """Stop a process for a while; the others wait for it and do not know why."""
    who, seconds = chance.choice(("core", "core", "machines", "broker")), chance.uniform(0.2, 1.5)
    world.signal(who, signal.SIGSTOP)
    try:
        _last(seconds)
    finally:
        world.signal(who, signal.SIGCONT)
    return f"freeze {who} for {seconds:.1f} s"


def cut(world: World, chance: random.Random) -> str:
    """Reset the core's connection, several times perhaps."""
    times = chance.choice((1, 1, 3))
    for _ in range(times):
        world.tap.cut()
        _last(chance.uniform(0.05, 0.3))
    return f"cut the line {times} times"


def dead_line(world: World, chance: random.Random) -> str:
    """Let nothing pass for a while without closing anything; then go on, or reset."""
    seconds = chance.uniform(0.2, 1.5)
    world.tap.hold()
    try:
        _last(seconds)
        if chance.random() < 0.5:
            world.tap.cut()
    finally:
        world.tap.go_on()
    return f"a dead line for {seconds:.1f} s"


def broker_restarts(world: World, chance: random.Random) -> str:
    """Restart the broker in good order."""
    world.broker.stop()
    _last(chance.uniform(0.0, 0.5))
    world.broker.start()
    return "the broker restarts"


def locked_store(world: World, chance: random.Random) -> str:
    """Hold the store's lock for longer than a statement waits."""
    seconds = chance.uniform(0.2, 1.5)
    with world.locked():
        _last(seconds)
    return f"the store is locked for {seconds:.1f} s"


def full_disk(world: World, chance: random.Random) -> str:
    """Let the disk be full for a while; now and then the core is killed on it."""
    seconds, killed = chance.uniform(0.3, 1.5), chance.random() < 0.2
    with world.full_disk():
        _last(seconds)
        if killed:
            world.kill("core")
    if killed:
        world.bring_back("core")
    return f"a full disk for {seconds:.1f} s{', and a kill' if killed else ''}"


def clock_step(world: World, chance: random.Random) -> str:
    """Give the core a wall clock of its own, and set that while it runs."""
    world.clock.set(0.0)
    world.kill("core")
    world.take(*world.new_core(faked=True))
    world.wait_up()
    several = [chance.choice((-86_400.0, -3_600.0, -10.0, 10.0, 3_600.0, 86_400.0)) for _ in range(2)]
    for off_s in several:
        _last(chance.uniform(0.2, 0.6))
        world.clock.set(off_s)
    return f"the core's clock is set to {several[0]:+.0f} s and to {several[1]:+.0f} s"


def senders_clock(world: World, chance: random.Random) -> str:
    """Set the clock of the wild machine for a moment."""
    # Never far ahead: on recorded time the plant's clock is that of the newest reading, and would run ahead with it.
    off_s = chance.choice((-18_000.0, -3_600.0, -60.0, 30.0))
    world.witness.wild_off_s = off_s
    _last(chance.uniform(0.2, 1.0))
    world.witness.wild_off_s = 0.0
    return f"a machine's clock is {off_s:+.0f} s off for a moment"


def forged(world: World, chance: random.Random) -> str:
    """Send answers that no machine gave, and commands that are not ours."""
    forger, known = world.forger(chance), list(world.tap.commands)[-20:]
    for _ in range(30):
        forger.answer(DEVICES, world.now(), known)
    forger.command(world.now())
    return "thirty forged answers and a command"


def replayed(world: World, chance: random.Random) -> str:
    """Send old answers and old readings once more."""
    answers = world.forger(chance).replay(world.tap.heard)
    readings = world.witness.line.again(chance.uniform(1.0, 30.0))
    return f"{answers} old answers and {readings:,} old readings once more"


def flood(world: World, chance: random.Random) -> str:
    """Send far more than usual, of readings or of rubbish."""
    count = chance.choice((200, 1_000, 3_000))
    if chance.random() < 0.3:
        world.forger(chance).rubbish(count)
        return f"a flood of {count:,} messages that say nothing"
    world.witness.flood(count)
    return f"a flood of {count:,} readings"


def fault(world: World, chance: random.Random) -> str:
    """Let the steady machine run hot, whatever else befalls the plant meanwhile."""
    del chance
    return "a machine runs hot" if world.witness.fault() else "the machine is still hot from before"


def rival(world: World, chance: random.Random) -> str:
    """Start a second core while the first is frozen; whoever has lost the store must neither write nor publish."""
    world.wait_up()  # one that has only begun to start has no store to lose, and would wait for it as a service does
    world.signal("core", signal.SIGSTOP)
    first = world.core
    assert first is not None
    try:
        if not world.is_sqlite:
            world.end_sessions()
        second, up = world.new_core()
        _last(chance.uniform(0.3, 1.0))
        if not up.exists():  # the first holds the lock, as it should on SQLite
            first.kill()
            told = "a rival waits until the first is dead"
        else:
            told = "a rival takes the store while the first is frozen"
    finally:
        world.signal("core", signal.SIGCONT)
    world.take(second, up)
    world.wait_up()
    first.join(30)
    if first.is_alive():
        first.kill()
        world.violations.append("a core that has lost its store goes on for half a minute")
    return told


def sessions_end(world: World, chance: random.Random) -> str:
    """End the core's sessions with the database server, or restart that."""
    if world.server is not None and chance.random() < 0.3:
        world.server.stop()
        world.server.start()
        return "the database server falls and restarts"
    return f"{world.end_sessions()} sessions with the database are ended"


COMMON: dict[Adversity, int] = {
    kill: 6,
    freeze: 4,
    cut: 3,
    dead_line: 2,
    broker_restarts: 1,
    locked_store: 3,
    full_disk: 3,
    clock_step: 2,
    senders_clock: 2,
    forged: 3,
    replayed: 3,
    flood: 3,
    fault: 4,
    rival: 1,
}
"""How often each comes, against the others."""


def of_store(store: str) -> dict[Adversity, int]:
    """Return what can befall a plant on this store."""
    return COMMON if store == "sqlite" else {**COMMON, sessions_end: 3}
