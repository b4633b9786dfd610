"""Rounds of chaos: one or two adversities each, a moment of quiet, a look at what must hold."""

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.adversities import of_store
from tests.chaos.judge import at_once, in_the_end, touched
from tests.chaos.world import World, world
from tests.support.waiting import told_if_slow

SETTLE_S = 180.0
SLOW_S = 120.0
"""After how long a round that does not end says where it is, and again; it takes seconds."""


@dataclass
class Outcome:
    """What came of a run."""

    store: str
    seed: int
    rounds: int = 0
    seconds: float = 0.0
    befell: Counter[str] = field(default_factory=Counter)
    counted: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {what}" for what, count in self.counted.items())
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.befell.items()))
        each = self.seconds / max(1, self.rounds)
        return (
            f"{self.store}, seed {self.seed}: {self.rounds} rounds in {self.seconds:.0f} s ({each:.1f} s each)\n"
            f"  {kinds}\n  {counts}\n  {len(self.violations)} violations"
            + "".join(f"\n  VIOLATION: {one}" for one in self.violations)
        )


def run(
    store: str,
    rounds: int,
    seed: int,
    *,
    first: int = 1,
    within_s: float = float("inf"),
    say: Callable[[str], None],
) -> Outcome:
    """Run rounds, from the first on, until there were enough, time is up, or something that must hold does not.

    The same seed draws the same adversities in the same order; what they meet is up to the machine.
    """
    outcome, began = Outcome(store, seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aegisflow-chaos-") as folder:
        with world(Path(folder), store, seed) as plant:
            say(f"chaos on {store}, seed {seed}: {rounds} rounds from {first} on")
            what = ""
            try:
                for number in range(first, first + rounds):
                    what = f"round {number} does not end"
                    with told_if_slow(f"round {number} of seed {seed}", SLOW_S, plant.ask_where_it_hangs):
                        _round(plant, outcome, number, say)
                    outcome.rounds, outcome.seconds = outcome.rounds + 1, time.monotonic() - began
                    if at_once(plant) or outcome.seconds > within_s:
                        break
                what = "it does not come to rest"
                with told_if_slow(f"coming to rest after round {outcome.rounds}", SLOW_S, plant.ask_where_it_hangs):
                    plant.settle(SETTLE_S)
                outcome.violations = in_the_end(plant)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run tells its seed, and where it was
                outcome.violations = [f"{what}: {type(error).__name__}: {error}", *at_once(plant)]
            outcome.counted = _counted(plant)
            if outcome.violations:
                _keep(Path(folder), say)
        outcome.seconds = time.monotonic() - began
    return outcome


def _round(plant: World, outcome: Outcome, number: int, say: Callable[[str], None]) -> None:
    # Of its own, so that one round can be drawn again without those before it.
    chance = random.Random(f"{outcome.seed}/{number}")
    kinds = of_store(outcome.store)
    told = []
    for kind in chance.choices(list(kinds), list(kinds.values()), k=chance.choice((1, 1, 2))):
        outcome.befell[kind.__name__] += 1
        told.append(kind(plant, chance))
    plant.wait_up()
    threading.Event().wait(chance.uniform(0.1, 0.5))
    behind = f"; {len(plant.unarrived()):,} readings are under way" if number % 10 == 0 else ""
    say(f"{number:>5}  {'; '.join(told)}{behind}")


def _counted(plant: World) -> dict[str, int]:
    ended = [one for one in plant.witness.episodes if len(one) == 2]
    return {
        "readings confirmed to machines": len(plant.witness.line.confirmed),
        "readings acknowledged by AegisFlow": len(plant.tap.acknowledged),
        "commands on the wire": len(plant.tap.commands),
        "words to a plug": len(plant.tap.words),
        "faults": len(plant.witness.episodes),
        "of them while a broker forgot": sum(touched(one, plant.forgetful) for one in ended),
        "alarms told": len(plant.people.told),
        "cores that ended by themselves": plant.ended_by_itself,
    }


def _keep(folder: Path, say: Callable[[str], None]) -> None:
    """Say what the core has said last."""
    log = folder / "core.log"
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    telling = [line for line in lines if "error" in line.lower() or "Traceback" in line or "critical" in line.lower()]
    for line in [*telling[-40:], "...", *lines[-120:]]:
        say(f"    {line[:300]}")
