"""Fit what ``aegisflow/search/ranking.py`` weighs: ``python -m benchmarks.retrieval.fit [--encoders WHICH]``.

A logistic regression on the questions that are for tuning, those of foreign manuals counting twice, since what holds
for them is what others will meet. It prints the weights, and what each threshold would refuse and let through; a
person chooses. Nothing of the sets that are set apart is read.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from aegisflow.search import ManualSearch
from benchmarks.retrieval.__main__ import encoders, fill
from benchmarks.retrieval.sets import sets

SETS = ("foreign-tune", "others")


@dataclass(frozen=True, slots=True)
class Row:
    """A question, and what speaks for its best passage."""

    name: str
    is_answerable: bool
    support: list[float]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval.fit", description=__doc__)
    parser.add_argument("--encoders", choices=("both", "first", "multilingual", "none"), default="both")
    parser.add_argument("--vectors", type=Path, help="folder in which vectors are kept from run to run")
    options = parser.parse_args(arguments)
    first, multilingual = encoders(options.encoders, "auto")
    kept = options.vectors or Path(tempfile.mkdtemp())
    found: dict[str, list[Row]] = {}
    for name in SETS:
        for each in sets(name):
            # One file for each folder, since it loses the vectors that its folder has no text of.
            manuals = ManualSearch(each.folder, kept / f"{name}-{each.name}.db")
            fill(manuals, first, multilingual)
            for question in (one for one in each.questions if one.part != "test"):
                known = manuals.support(question.ask, question.kind)
                if known is not None:
                    row = Row(name, bool(question.sections), [float(part) for part in astuple(known[1])])
                    found.setdefault(known[0], []).append(row)
    for read_by, rows in found.items():
        print(f"{read_by}: {len(rows)} questions")
        fit(rows)
    return 0


def fit(rows: Sequence[Row]) -> None:
    """Print the weights for questions that are read by the same encoders, and what thresholds would do."""
    from sklearn.linear_model import LogisticRegression

    table, wanted = np.array([row.support for row in rows]), np.array([row.is_answerable for row in rows])
    names = np.array([row.name for row in rows])
    middle, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, class_weight="balanced")
    model.fit((table - middle) / spread, wanted, sample_weight=np.where(names == SETS[0], 1.0, 0.5))
    weights = model.coef_[0] / spread
    sums = table @ weights
    zero = -(model.intercept_[0] - (model.coef_[0] * middle / spread).sum())
    print("weights", tuple(round(float(part), 2) for part in weights), "even at", round(float(zero), 2))
    for threshold in zero + np.arange(-1.6, 1.4, 0.2):
        print(f"{threshold:6.2f}", end="")
        for name in SETS:
            mine = names == name
            print(f"  {name}: refused {np.mean(sums[mine & wanted] < threshold):.3f}", end="")
            print(f" false {np.mean(sums[mine & ~wanted] >= threshold):.3f}", end="")
        print()


if __name__ == "__main__":
    sys.exit(main())
