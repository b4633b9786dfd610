"""What people are to be notified of and have not been yet: kept until it is delivered, superseded or over.

::

    add ──► waiting ──► attempt ──► delivered ──► forgotten once it is over
              ▲  │          │
              │  │          └─ failed: again, later and later
              │  └─ superseded by a newer one of the same page, or over: dropped
              └─ after a restart, from the store

A page is what one sink tells the same people of one device and one cause: while it waits, a newer notification
takes its place; once it is delivered, the same is not told again before those people's time to answer is up.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from aegisflow.domain.alarms.escalation import Notification, ToldLevel
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.times import format_duration

__all__ = ["Attempt", "Changes", "Delivery", "Outbox", "RetryPace"]

_URGENT = Severity.HIGH.rank
_SET_S = 60.0
"""What is dated further ahead of now than this was dated before our clock was set back."""
MAX_WAITING = 5_000
"""Deliveries that are kept; beyond it the least urgent are given up and counted."""


MAX_HELD_S = 300.0
"""However long a sink asks to be left alone, people are to be told of alarms."""
_ONE_EACH: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class RetryPace:
    """How long is waited between attempts; seconds."""

    first_s: float = 1.0
    longest_s: float = 60.0
    give_up_after_s: float = 86_400.0
    """What could not be delivered for so long tells nobody anything any more."""

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures in a row; each is twice as long as the one before."""
        # Bounded, for 2.0 ** 1024 raises an OverflowError.
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))


DEFAULT_PACE = RetryPace()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one sink."""

    sink: str
    notification: Notification
    since: float
    """When it was first to be delivered, by the wall clock; UTC epoch seconds."""
    delivered: bool = False
    over: bool = False
    """Whether nobody has to act on it any more; remembered for a while, for it may come back at once."""

    @property
    def key(self) -> str:
        """The page that it belongs to: sink, people, device and cause."""
        told = self.notification
        return json.dumps(
            (self.sink, told.to, told.device_id, told.cause or told.page or told.subject), ensure_ascii=False
        )

    @property
    def urgency(self) -> tuple[bool, int, float, int]:
        """What goes first is greatest: alarms before everything else, then the worse, the older, the first level."""
        told = self.notification
        return told.is_alarm, told.severity.rank, -told.at, -told.level


class Attempt(NamedTuple):
    """A delivery that is to be tried now."""

    number: int
    """Handed back with the outcome."""
    delivery: Delivery


class Changes(NamedTuple):
    """What the store has to be told."""

    put: tuple[Delivery, ...]
    drop: tuple[str, ...]
    """Keys of the deliveries that are no longer owed."""


@dataclass(slots=True)
class _Sink:
    """One place that people look at, as far as it can be reached; times are monotonic."""

    at_once: int = 1
    """How many may be under way together, while it takes what it is given."""
    under_way: dict[int, tuple[Attempt, int]] = field(default_factory=dict)
    """Number of each attempt to it, and to how many had failed in a row when it began."""
    held_until: float = float("-inf")
    """Before this it asked not to be tried at all."""
    failures: int = 0
    """How many attempts have failed in a row."""
    paused_until: float = float("-inf")
    failing_since: float | None = None
    why: str = ""


class Outbox:
    """Deliveries to a number of sinks, of which each has one under way at a time, or a few.

    Of one alarm or command, and of one page, never more than one is under way, so that people hear in order. Of a
    sink that fails there is one at a time as well: many at once would tell no more.
    """

    def __init__(
        self, sinks: Sequence[str], pace: RetryPace = DEFAULT_PACE, at_once: Mapping[str, int] = _ONE_EACH
    ) -> None:
        """Begin with nothing to deliver.

        Args:
            sinks: their names.
            pace: of what is tried again.
            at_once: how many a sink takes together; one, where it is not named.
        """
        self._pace = pace
        self._sinks = {name: _Sink(at_once.get(name, 1)) for name in sinks}
        self._deliveries: dict[str, Delivery] = {}
        self._failed: dict[str, tuple[int, float]] = {}
        """Key to how often in a row its delivery failed, and when it may be tried again."""
        self._number = 0
        self._put: dict[str, Delivery] = {}
        self._drop: set[str] = set()
        self.given_up: dict[str, int] = dict.fromkeys(sinks, 0)
        """Sink to how many were never delivered."""

    @property
    def waiting(self) -> dict[str, int]:
        """Sink to how many deliveries wait for it."""
        found = dict.fromkeys(self._sinks, 0)
        for delivery in self._deliveries.values():
            found[delivery.sink] += not delivery.delivered
        return found

    def add(self, notification: Notification, wall: float) -> bool:
        """Have a notification delivered to every sink; return whether any of them still had to be told."""
        news = [delivery for name in self._sinks if self._admit(delivery := Delivery(name, notification, wall))]
        self._bound()
        return bool(news)

    def recall(self, deliveries: Iterable[Delivery]) -> None:
        """Go on after a restart with what was kept; of a sink that is no longer configured nothing is."""
        for delivery in deliveries:
            if delivery.sink in self._sinks:
                self._deliveries.setdefault(delivery.key, delivery)
            else:
                self._drop.add(delivery.key)

    def end(self, subject: str, *, by_people: bool) -> None:
        """Forget an alarm or command that nobody has to be told of any more.

        Where it ended by itself, what was delivered is remembered for those people's time to answer: when it
        comes back at once, they know already. Where people ended it, its return is news.
        """
        for key, delivery in list(self._deliveries.items()):
            if delivery.notification.subject != subject:
                continue
            if by_people or not delivery.delivered:
                self._forget(key)
            elif not delivery.over:
                self._keep(replace(delivery, over=True))

    def keep_only(self, subjects: Iterable[str]) -> None:
        """Forget every alarm but these, which are all that still wait for somebody."""
        open_now = set(subjects)
        for delivery in list(self._deliveries.values()):
            told = delivery.notification
            if told.is_alarm and told.subject not in open_now:
                self.end(told.subject, by_people=False)

    def tick(self, at: float, wall: float) -> None:
        """Let time pass: ``at`` is the plant's clock, ``wall`` the wall clock; UTC epoch seconds."""
        for key, delivery in list(self._deliveries.items()):
            if delivery.over:
                told = delivery.notification
                if not told.at - _SET_S < at < told.answer_until:
                    self._forget(key)
            elif not delivery.delivered and wall - delivery.since >= self._pace.give_up_after_s:
                self.given_up[delivery.sink] += 1
                self._forget(key)

    def next(self, sink: str, now: float) -> Attempt | None:
        """Return what is to be tried now, by the monotonic clock; None for nothing.

        A sink that failed is left alone for a while, except by what is urgent and was not tried yet.
        """
        state = self._sinks[sink]
        if len(state.under_way) >= (1 if state.failures else state.at_once) or now < state.held_until:
            return None
        busy = {attempt.delivery.key for attempt, _ in state.under_way.values()}
        subjects = {attempt.delivery.notification.subject for attempt, _ in state.under_way.values()}
        may = [
            delivery
            for key, delivery in self._deliveries.items()
            if delivery.sink == sink
            and not delivery.delivered
            and key not in busy
            and delivery.notification.subject not in subjects
            and self._may_try(key, delivery, state, now)
        ]
        if not may:
            return None
        self._number += 1
        attempt = Attempt(self._number, max(may, key=lambda delivery: delivery.urgency))
        state.under_way[attempt.number] = attempt, state.failures
        return attempt

    def finished(self, sink: str, number: int, why: str, now: float, wait_s: float = 0.0) -> bool:
        """Take note of how an attempt ended, at ``now`` by the monotonic clock; return whether it was delivered.

        Args:
            sink: where it went.
            number: of the attempt.
            why: why it was not delivered; empty when it was.
            now: monotonic clock.
            wait_s: how long the sink asked to be left alone, even by what is urgent; ``MAX_HELD_S`` at most.
        """
        state = self._sinks[sink]
        attempt, failures_before = state.under_way.pop(number, (None, 0))
        # The outcome of an attempt that nobody waits for any more.
        if attempt is None:
            return False
        key = attempt.delivery.key
        is_newest = self._deliveries.get(key) == attempt.delivery  # else it was superseded, or is over, meanwhile
        if why:
            # Several that were under way together and failed together are one failure.
            state.failures = max(state.failures, failures_before + 1)
            state.held_until = max(state.held_until, now + min(wait_s, MAX_HELD_S))
            state.failing_since = now if state.failing_since is None else state.failing_since
            state.why, state.paused_until = why, now + self._pace.pause_s(state.failures)
            if is_newest:
                failures = self._failed.get(key, (0, 0.0))[0] + 1
                self._failed[key] = failures, now + self._pace.pause_s(failures)
            return False
        # A sink that takes one takes others: all that waits for it may go at once.
        state.failures, state.failing_since, state.why = 0, None, ""
        state.paused_until = float("-inf")
        if is_newest:
            # Of a command nobody says when it is over; it was told, and that is all there is to it.
            self._keep(replace(attempt.delivery, delivered=True, over=not attempt.delivery.notification.is_alarm))
        return True

    def changes(self) -> Changes | None:
        """Return what the store has not been told yet, once; None for nothing."""
        if not self._put and not self._drop:
            return None
        found = Changes(tuple(self._put.values()), tuple(sorted(self._drop)))
        self._put, self._drop = {}, set()
        return found

    def told(self, subject: str) -> tuple[ToldLevel, ...]:
        """Return who was told of an alarm, first to last, as far as that is still owed or kept."""
        found: dict[str, list[Delivery]] = {}
        for delivery in self._deliveries.values():
            told = delivery.notification
            if told.subject == subject and not told.page:
                found.setdefault(told.to, []).append(delivery)
        levels = [
            ToldLevel(
                to,
                max(one.notification.at for one in several),
                tuple(sorted(one.sink for one in several if not one.delivered)),
            )
            for to, several in found.items()
        ]
        return tuple(sorted(levels, key=lambda one: one.at))

    def problems(self, now: float) -> tuple[str, ...]:
        """Return which sinks do not take what waits for them, in a sentence each; ``now`` is monotonic."""
        waiting = self.waiting
        found = [
            f"{name}: {waiting[name]} not delivered, for {format_duration(now - state.failing_since)}: {state.why}"
            for name, state in self._sinks.items()
            if waiting[name] and state.failing_since is not None
        ]
        return (*found, *(f"{name}: {count} were never delivered" for name, count in self.given_up.items() if count))

    def _admit(self, delivery: Delivery) -> bool:
        """Keep a new delivery, unless its page says as much already; return whether it was kept."""
        before = self._deliveries.get(delivery.key)
        if before is not None:
            old, new = before.notification, delivery.notification
            says_more = new.severity.rank > old.severity.rank or new.level > old.level
            # What is dated ahead of now was told before our clock was set back: nobody knows how long ago.
            has_time = (new.at < old.answer_until or new.answer_until <= old.answer_until) and new.at > old.at - _SET_S
            if before.delivered and has_time and not says_more:
                # Those people know, and still have time to answer. From now on their page stands for the new alarm.
                self._keep(replace(before, notification=replace(old, subject=new.subject), over=not new.is_alarm))
                return False
            if not before.delivered and new.subject != old.subject and new.severity.rank < old.severity.rank:
                return False  # the worse one, of the same device and cause, is on its way to the same people
        self._keep(delivery)
        return True

    def _may_try(self, key: str, delivery: Delivery, state: _Sink, now: float) -> bool:
        if key in self._failed:
            return now >= max(self._failed[key][1], state.paused_until)
        told = delivery.notification
        return now >= state.paused_until or (told.is_alarm and told.severity.rank >= _URGENT)

    def _keep(self, delivery: Delivery) -> None:
        key = delivery.key
        self._deliveries[key] = self._put[key] = delivery
        self._drop.discard(key)
        self._failed.pop(key, None)

    def _forget(self, key: str) -> None:
        self._deliveries.pop(key, None)
        self._put.pop(key, None)
        self._failed.pop(key, None)
        self._drop.add(key)

    def _bound(self) -> None:
        waiting = [delivery for delivery in self._deliveries.values() if not delivery.delivered]
        for delivery in sorted(waiting, key=lambda one: one.urgency)[: max(0, len(waiting) - MAX_WAITING)]:
            self.given_up[delivery.sink] += 1
            self._forget(delivery.key)
