"""Where the demo speaks: a terminal with a bar at the bottom, or plain lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from aegisflow.domain.alarms.model import Change
from aegisflow.domain.times import format_instant
from aegisflow.offline.demo.replaying import Sent

Bar = Callable[[Sent, int, int], None]
"""Takes how far the replay is, readings stored, and alarms raised."""

# The words say it; colours that are readable on dark and on light only repeat it.
_STYLES = {Change.RAISED: "bold red", Change.ESCALATED: "bold red", Change.RETYPED: "bold", Change.CLEARED: "green"}


class Screen:
    """Lines for people, and a bar where there is a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)

    def say(self, text: str) -> None:
        """Print lines as they are."""
        self._console.print(text, soft_wrap=True)

    def tell(self, change: Change, line: str) -> None:
        """Print what happened to an alarm."""
        self._console.print(Text(line, style=_STYLES.get(change, "")), soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Bar]:
        """Give a function that shows how far it is."""
        if not self._console.is_terminal:
            yield self._plain_bar()
            return
        columns = (BarColumn(bar_width=24), TextColumn("{task.percentage:3.0f} %  {task.description}"))
        with Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True) as progress:
            task = progress.add_task("starting", total=1.0)

            def show(sent: Sent, stored: int, alarms: int) -> None:
                progress.update(task, completed=sent.share, description=_figures(sent, stored, alarms))

            yield show

    def _plain_bar(self) -> Bar:
        told = 0

        def show(sent: Sent, stored: int, alarms: int) -> None:
            nonlocal told
            tenths = int(sent.share * 10 + 1e-9)
            if tenths > told:
                told = tenths
                self.say(f"{100 * sent.share:3.0f} %     {_figures(sent, stored, alarms)}")

        return show


def _figures(sent: Sent, stored: int, alarms: int) -> str:
    noun = "alarm" if alarms == 1 else "alarms"
    known = max(sent.sent, stored)  # the sender tells now and then; what is stored was sent
    return f"{format_instant(sent.at // 60 * 60)}  sent {known:,}  stored {stored:,}  {alarms:,} {noun}"
