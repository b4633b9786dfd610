"""A progress bar for people: on a terminal, on stderr, and only for work that takes a while."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic


@contextmanager
def progress_bar(title: str, *, after_s: float = 2.0) -> Iterator[Callable[[float], None]]:
    """Give a function that is told the share of the work that is done, 0 to 1.

    The bar appears once the work has lasted ``after_s``; where stderr is not a terminal, never.
    """
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    # Only here, because importing rich would cost every command a part of a second.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=1.0)
    began, shown = monotonic(), False

    def advance(share: float) -> None:
        nonlocal shown
        if not shown and monotonic() - began > after_s:
            bar.start()
            shown = True
        bar.update(task, completed=share)

    try:
        yield advance
    finally:
        if shown:
            bar.stop()
