"""Which readings of a device are new, in which order, and under which instant they are judged."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from math import inf
from typing import Final

from aegisflow.domain.interval import Interval
from aegisflow.domain.readings import Disposition, Reading
from aegisflow.domain.sender_clock import AHEAD_S, SenderClock

__all__ = ["Timeline"]

_ACCEPTED: Final = Disposition.ACCEPTED
_new: Final = tuple.__new__
_PARTS: Final = 3
"""Newest instants of which each value is known, so that parts of one instant can be told from repetitions."""
_COARSE: Final = 3
"""Conflicts in a row on whole seconds that show a clock without fractions, rather than a quarrel."""
_OF_ONE_STAMP: Final = 60
"""Late readings of one stamp that are known: a clock may have stopped for good."""
_LIVE: Final = 3
"""Seeming repetitions in a row, each as long after the last as it is dated after it, that show a clock set back."""
_NONE: Mapping[float, tuple[int, ...]] = {}
_NUDGE_S: Final = 1e-6
"""What tells readings apart that would otherwise share an instant."""


class Timeline:
    """Takes every reading but a true repetition, and gives each an instant of its own.

    ::

        stamp newer than all ───────────────────────────► judged at its instant (SenderClock)
        known stamp ── same values ─────────────────────► a repetition: dropped, counted
                    ├─ sensors that it lacked ──────────► a part of that instant: the new ones are judged
                    └─ other values ── whole seconds ───► a clock without fractions: spread in the second
                                    └─ else ────────────► a conflict: judged all the same, counted
        older stamp, unknown ───────────────────────────► late, or a clock that was set: judged at once

    What is judged is never kept back for its stamp, since a stamp is a sender's opinion and a value is
    what its machine does.
    """

    __slots__ = (
        "_again",
        "_came_at",
        "_coarse",
        "_in_second",
        "_late_new",
        "_late_old",
        "_marks",
        "_newest",
        "_next",
        "_nudges",
        "_parts",
        "_per_second",
        "_stamps",
        "_taken",
        "clock",
        "conflicts",
        "interval",
        "judging_at",
        "late",
        "latest_at",
        "repetitions",
    )

    def __init__(self, room: int) -> None:
        """Begin with nothing known; repetitions are recognised among the newest ``room`` readings in order.

        Of those that were not, as many as that are known at most, and half as many at least.
        """
        self.clock = SenderClock()
        self.interval = Interval()
        """Between instants of the device."""
        self.latest_at = -inf
        """The newest instant that was judged, UTC epoch seconds by the plant's clock."""
        self.judging_at = -inf
        """Under which instant the newest reading is judged: that of the newest, and on from there by our own clock
        where later readings are dated before it."""
        self._came_at = -inf
        """When the reading came that moved it, by our clock."""
        self.repetitions = self.conflicts = self.late = 0
        self._stamps = array("d", [-inf]) * room
        """A ring of the stamps that were the newest when they came: they ascend, so that one is found by halving."""
        self._marks = array("q", [0]) * room
        """A mark of sensors and values of the reading with the stamp at the same place."""
        self._next = 0
        self._late_old: Mapping[float, tuple[int, ...]] = _NONE
        """Marks by stamp of what was not the newest when it came."""
        self._late_new: dict[float, tuple[int, ...]] = {}
        """Those that came since ``_late_old`` was full."""
        self._newest = -inf
        """The latest stamp of all."""
        # A list, since an empty deque takes 760 bytes, and there is one for each device.
        self._parts: list[tuple[float, Mapping[str, float]]] = []
        self._nudges = 0
        self._taken = 0
        """How many readings were taken in so far."""
        self._again: _Again | None = None
        self._coarse = 0
        self._in_second = self._per_second = 0
        """Readings in this second and in the one before, where stamps are whole seconds."""

    def admit(self, reading: Reading) -> tuple[Disposition, Reading]:
        """Return what becomes of a reading, and the reading as it is to be judged.

        Its ``at`` is the sender's stamp when it comes in; in what is returned it is an instant of the
        plant's time, and ``stamp`` keeps what the sender said where that is something else.
        """
        stamp, values = reading.at, reading.values
        is_newest = stamp > self._newest
        if not is_newest and (marks := self._marks_of(stamp)):
            return self._known(reading, marks)
        at = self.clock.place(stamp, reading.received_at)
        if self._coarse and stamp != self._parts[-1][0]:
            self._per_second, self._in_second = self._in_second, 0
        # As _remember, without the calls: this is done for every reading of the plant.
        parts = self._parts
        parts.append((stamp, values))
        if len(parts) > _PARTS:
            parts.pop(0)
        self._taken += 1
        mark = hash((tuple(values), tuple(values.values())))
        if is_newest:
            self._newest = stamp
            place, stamps = self._next, self._stamps
            stamps[place], self._marks[place] = stamp, mark
            place += 1
            self._next = place if place < len(stamps) else 0
        else:
            self._keep_late(stamp, mark)
        if at > self.latest_at:
            self.latest_at = at
            if at > self.judging_at:
                self.judging_at, self._came_at = at, reading.received_at
            else:
                self._reckon(at, reading.received_at)
            self.interval.note(at)
            return _ACCEPTED, reading if at == stamp else _placed(reading, at)
        return self._late(reading, at)

    def recall(self, reading: Reading) -> None:
        """Go on from a stored reading; call it for each, oldest first."""
        self._remember(reading.at if reading.stamp is None else reading.stamp, reading.values)
        if reading.at > self.latest_at:
            self._go_on(reading.at, reading.received_at)
            self.interval.note(reading.at)
        self.clock.recall(reading.at, reading.stamp)

    def our_clock_moved(self, by_s: float, at: float) -> None:
        """Take note that our own clock was set by so many seconds: no time has passed by that.

        Args:
            by_s: by how many seconds it was set ahead, negative for back.
            at: UTC epoch seconds by the clock as it is now. A reading may have come since it was set.
        """
        if abs(at - self._came_at) < abs(at - self._came_at - by_s):
            self.clock.our_clock_moved(by_s, self._parts[-1][0] - self._came_at)
        else:
            self._came_at += by_s
            self.clock.our_clock_moved(by_s)

    def resize(self, room: int) -> None:
        """Recognise repetitions among so many readings from now on."""
        order = [*range(self._next, len(self._stamps)), *range(self._next)]
        known = [(self._stamps[place], self._marks[place]) for place in order][-room:]
        self._stamps, self._marks, self._next = array("d", [-inf]) * room, array("q", [0]) * room, 0
        for stamp, mark in known:
            self._keep(stamp, mark)

    @property
    def newest_stamp(self) -> float:
        """The newest instant that the sender's clock has shown, UTC epoch seconds; minus infinity before the first."""
        return self._newest

    @property
    def is_coarse(self) -> bool:
        """Whether the sender's stamps are whole seconds, and it reports several times in one."""
        return self._coarse >= _COARSE

    def _remember(self, stamp: float, values: Mapping[str, float]) -> None:
        self._parts.append((stamp, values))
        del self._parts[:-_PARTS]
        self._taken += 1
        mark = hash((tuple(values), tuple(values.values())))
        if stamp > self._newest:
            self._newest = stamp
            self._keep(stamp, mark)
        else:
            self._keep_late(stamp, mark)

    def _keep(self, stamp: float, mark: int) -> None:
        place = self._next
        self._stamps[place], self._marks[place] = stamp, mark
        self._next = place + 1 if place + 1 < len(self._stamps) else 0

    def _keep_late(self, stamp: float, mark: int) -> None:
        later = self._late_new
        later[stamp] = (*later.get(stamp, ())[1 - _OF_ONE_STAMP :], mark)
        if len(later) * 2 >= len(self._stamps):
            self._late_old, self._late_new = later, {}

    def _marks_of(self, stamp: float) -> tuple[int, ...]:
        """Return the marks of all that is known under a stamp that is not newer than all; nothing if it is not known.

        What is in order never pushes out what was late, nor the other way round: so what a broker or a buffer on
        the way sends again, hours of it perhaps, is known to its end.
        """
        late = self._late_old.get(stamp, ()) + self._late_new.get(stamp, ())
        stamps, middle = self._stamps, self._next
        begin, end = (0, middle) if middle and stamp >= stamps[0] else (middle, len(stamps))
        place = bisect_left(stamps, stamp, begin, end)
        return (*late, self._marks[place]) if place < end and stamps[place] == stamp else late

    def _known(self, reading: Reading, marks: tuple[int, ...]) -> tuple[Disposition, Reading]:
        """Judge a reading whose stamp has come before, with values of these marks."""
        stamp, values, mark = reading.at, reading.values, hash((tuple(reading.values), tuple(reading.values.values())))
        known: dict[str, float] = {}
        recent = False
        for one, parts in self._parts:
            if one == stamp:
                known |= parts
                recent = True
        fresh = {sensor: value for sensor, value in values.items() if known.get(sensor) != value}
        again_live = False
        if values and (mark in marks or not fresh):
            self._again = self._again or _Again()
            again_live = self._again.is_live(reading, self._taken) and not recent
            if not again_live:
                self.repetitions += 1
                return Disposition.DUPLICATE, reading
        disposition = Disposition.ACCEPTED
        again = any(sensor in known for sensor in fresh)
        if again:
            self._coarse = self._coarse + 1 if stamp == int(stamp) else 0
            if not self.is_coarse:
                self.conflicts += 1
                disposition = Disposition.CONFLICT
        elif not recent:  # of an instant long past, or of a clock that was set back onto it
            self.late += 1
            disposition = Disposition.LATE
        self._remember(stamp, fresh)
        if len(fresh) < len(values):
            self._keep_late(stamp, mark)  # for this is how it would come again
        if again_live and self._again is not None:
            self._again.after = self._taken
        at = self.clock.place(stamp, reading.received_at)
        if self._coarse:
            self._in_second += 1
        if self.is_coarse:
            at += self._in_second / (max(self._in_second, self._per_second) + 1)
        reading = reading._replace(values=fresh)
        if again or not recent:
            self._reckon(at, reading.received_at)
        if at > self.latest_at:
            self._go_on(at, reading.received_at)
            return disposition, _placed(reading, at)
        return disposition, self._beside(reading, at)

    def _go_on(self, at: float, received_at: float) -> None:
        """Let time go on to a newer instant."""
        self.latest_at = at
        if at > self.judging_at:
            self.judging_at, self._came_at = at, received_at
        else:
            self._reckon(at, received_at)

    def _reckon(self, at: float, received_at: float) -> None:
        """Let time go on as our clock does, where the stamps do not: delays must not wait for a sender's clock.

        Where the newest lies ahead of now it was never true, so time goes on from this one, at ``at``.
        """
        passed_s, self._came_at = received_at - self._came_at, received_at
        if self.latest_at > received_at + AHEAD_S:
            self.latest_at = at
        if self.judging_at > received_at + AHEAD_S:
            self.judging_at = self.latest_at
        elif passed_s > 0.0:
            self.judging_at = max(self.judging_at, min(self.judging_at + passed_s, received_at))

    def _late(self, reading: Reading, at: float) -> tuple[Disposition, Reading]:
        """Judge a reading that is not the newest."""
        self.late += 1
        # One that keeps its stamp keeps it to the last bit: should it have been stored before, as what a broker
        # delivers again after a long break may have been, the store knows it by that.
        placed = reading if at == reading.at else self._beside(reading, at)
        self._reckon(placed.at, reading.received_at)
        return Disposition.LATE, placed

    def _beside(self, reading: Reading, at: float) -> Reading:
        """Give a reading an instant that no other has, within a thousandth of a second."""
        self._nudges = self._nudges % 999 + 1
        return _placed(reading, at + self._nudges * _NUDGE_S)


class _Again:
    """Tells what comes again from a machine that shows the same values under stamps that it has used before.

    A machine that stands still shows the same for hours, and its clock may be set back onto them. What is sent
    again comes in a burst, or between other readings; what is measured comes as its stamps say, and alone.
    """

    __slots__ = ("_at", "_came_at", "_run", "_values", "after")

    def __init__(self) -> None:
        self._at = self._came_at = -inf
        self._run = 0
        self._values: Mapping[str, float] = {}
        self.after = -1
        """How many had been taken in when the newest came that was none of these."""

    def is_live(self, reading: Reading, taken: int) -> bool:
        """Return whether a reading that seems to come again is a new one.

        Args:
            reading: under its stamp.
            taken: how many were taken in so far.
        """
        passed_s, dated_s = reading.received_at - self._came_at, reading.at - self._at
        in_step = self.after == taken and 0.0 < dated_s < 2.0 * passed_s < 4.0 * dated_s
        # Values that move and yet are those of before, one by one, are a record that is played again.
        self._run = self._run + 1 if in_step and reading.values == self._values else 0
        self._at, self._came_at, self.after = reading.at, reading.received_at, taken
        self._values = reading.values
        return self._run >= _LIVE


def _placed(reading: Reading, at: float) -> Reading:
    """Return a reading under another instant; as ``_replace``, at a third of the cost."""
    device_id, stamp, values, received_at, receipt, refused, _, signed = reading
    placed: Reading = _new(Reading, (device_id, at, values, received_at, receipt, refused, stamp, signed))
    return placed
