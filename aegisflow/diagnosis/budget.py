"""What diagnoses by a model may cost: counted before each question, and booked after each answer."""

import time
from collections import deque
from collections.abc import Callable

from aegisflow.config.diagnosis import DiagnosisSettings
from aegisflow.domain.diagnosis import Spent

__all__ = ["Budget", "OverBudgetError", "Purse"]

HOUR_S, DAY_S = 3600.0, 86_400.0


class OverBudgetError(Exception):
    """The next question could cost more than may still be spent; its text says which budget."""


class Budget:
    """The budgets of hour and day, over all alarms; one thread uses it.

    Args:
        settings: how much may be spent, and what tokens cost.
        clock: seconds that only pass, for money is spent in real time however fast a recording is replayed.
    """

    def __init__(self, settings: DiagnosisSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._booked: deque[tuple[float, int, float]] = deque()
        """When, tokens, dollars; oldest first."""

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """Return what so many tokens cost, in US dollars."""
        price = self.settings.price
        return (input_tokens * price.input + output_tokens * price.output) / 1e6

    def book(self, tokens: int, usd: float, ago_s: float = 0.0) -> None:
        """Count what was spent, so many seconds ago; what a process before this one has spent is booked first."""
        self._booked.append((self._clock() - ago_s, tokens, usd))

    def spent(self, within_s: float) -> tuple[int, float]:
        """Return tokens and dollars that were spent in the last so many seconds."""
        now = self._clock()
        while self._booked and self._booked[0][0] < now - DAY_S:
            self._booked.popleft()
        recent = [one for one in self._booked if one[0] >= now - within_s]
        return sum(one[1] for one in recent), sum(one[2] for one in recent)

    def check(self, tokens: int, usd: float, so_far: Spent) -> None:
        """Make sure that so many tokens and dollars may still be spent on an alarm that has cost ``so_far``.

        Raises:
            OverBudgetError: one of the six budgets does not allow it.
        """
        limits = self.settings.tokens, self.settings.usd
        mine = so_far.input_tokens + so_far.output_tokens, so_far.usd
        for name, spent in (("diagnosis", mine), ("hour", self.spent(HOUR_S)), ("day", self.spent(DAY_S))):
            most_tokens, most_usd = (getattr(limit, name) for limit in limits)
            if spent[0] + tokens > most_tokens:
                raise OverBudgetError(f"over the budget of tokens for one {name} ({most_tokens})")
            if spent[1] + usd > most_usd:
                raise OverBudgetError(f"over the budget of {most_usd:g} USD for one {name}")


class Purse:
    """What may be spent on one alarm."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.spent = Spent()

    def check(self, input_tokens: int, output_tokens: int) -> None:
        """Make sure that a question of about so many tokens may be asked.

        Raises:
            OverBudgetError: it could cost more than may still be spent.
        """
        self._budget.check(input_tokens + output_tokens, self._budget.price(input_tokens, output_tokens), self.spent)

    def pay(self, input_tokens: int, output_tokens: int) -> None:
        """Book one answer of the model."""
        usd = self._budget.price(input_tokens, output_tokens)
        self._budget.book(input_tokens + output_tokens, usd)
        self.spent += Spent(input_tokens, output_tokens, usd, 1)
