"""``python -m tests.chaos --store sqlite --rounds 5000``: kills, freezes, forgeries and floods, and what must hold."""

import argparse
import random
import sys

from tests.chaos.rounds import run
from tests.support.ending import leave_nothing_behind


def main() -> int:
    """Return 0 if everything held."""
    leave_nothing_behind()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, default=None, help="draws the same adversities again")
    parser.add_argument("--first", type=int, default=1, help="begin with this round of the seed")
    parser.add_argument(
        "--within", type=float, default=float("inf"), metavar="SECONDS", help="begin no round after that"
    )
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    stores = ("sqlite", "postgresql") if given.store == "both" else (given.store,)
    outcomes = [
        run(
            store,
            given.rounds,
            seed,
            first=given.first,
            within_s=given.within,
            say=lambda line: print(line, flush=True),
        )
        for store in stores
    ]
    print(*outcomes, sep="\n")
    return int(any(outcome.violations for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
