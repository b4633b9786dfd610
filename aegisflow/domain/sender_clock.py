"""How far a sender's clock is off, and under which instant its readings are judged.

Three clocks meet in a reading. The **stamp** is what the sender's clock said; ``received_at`` is what
ours said when the message came; the monotonic clock says how much time has really passed and is the
business of whoever measures silence. The stamp is the best of the three for the order of readings and
for a backlog that comes late, and the worst for anything that only our own clock can know: no device
becomes blind because its clock, or ours, was wrong for a while.

::

                       stamp - received_at
      ahead of now     ──────────────────────  judged at received_at, at once
      about 0          ══════════════════════  the clock is right: judged at the stamp
      behind           ──────────────────────  a backlog, while stamps run faster than receipts:
                                               judged at the stamp; a clock that is behind, once they
                                               run side by side: judged at stamp - offset
      older than       ──────────────────────  late, or the clock was set back: judged at once all the
      the newest                               same, and believed once a few agree with each other
"""

from itertools import pairwise
from math import inf, isfinite
from statistics import median
from typing import Final, NamedTuple

__all__ = ["ClockChange", "SenderClock"]

TOLERANCE_S: Final = 60.0
"""By how much a clock may be off, or a message be late, without being worth a word."""
AHEAD_S: Final = 2.0
"""A stamp further ahead of now than this is not the instant of the reading: nothing is measured before it is."""
REORDER_S: Final = 60.0
"""A stamp older than the newest by no more than this has only been overtaken on its way."""
AGREEING: Final = 3
"""So many contrary readings in a row that agree with each other move the clock."""
LAGGING: Final = 5
"""So many where nothing but their age speaks against the clock: that may be a backlog, too."""
_SPAN_S: Final = 1.0
"""Receipts that agree must cover this: in a burst every clock looks as if it ran too fast."""
_APART_S: Final = _SPAN_S / (AGREEING - 1)
"""Contrary readings closer to each other than this are one, however fast a device reports."""
_JITTER_S: Final = 2.0
_JITTER_SHARE: Final = 0.1
"""Offsets agree when they differ by no more than this, or by this share of the time they cover."""
_WINDOW: Final = 32
"""Offsets from which the present one is taken."""
_DRIFT_SPAN_S: Final = 600.0
"""Below so much time a drift is not told from the jitter of the network."""
_UNTOLD: Final = 8
"""Changes that wait to be told; of more, the oldest are not."""


class ClockChange(NamedTuple):
    """A sender's clock turned out to be off by something else than was believed."""

    before_s: float
    """Offset (sender minus ours) that was believed, in seconds."""
    after_s: float
    """Offset that is believed from now on, in seconds."""
    at: float
    """Received_at of the reading that decided it."""
    reason: str
    """A sentence for people."""


class SenderClock:
    """Estimates one sender's clock from stamps and receipts, and places each reading in the plant's time.

    Offsets are ``stamp - received_at``. The largest of the newest 32 is the estimate, since whatever
    a message is delayed by makes its offset smaller (the minimum filter of NTP, RFC 5905 section 10).
    """

    __slots__ = (
        "_anchor",
        "_block",
        "_contrary",
        "_largest",
        "_latest",
        "_recalled",
        "_run",
        "changes",
        "drift_ppm",
        "offset_s",
        "untold",
    )

    def __init__(self) -> None:
        self.offset_s = 0.0
        """By how much the sender's clock is believed to be ahead of ours; 0 while it is about right."""
        self.changes = 0
        """How often it turned out to be something else than was believed."""
        self.untold: list[ClockChange] = []
        """What was learned about the sender's clock and nobody has been told."""
        self.drift_ppm: float | None = None
        """Rate of the sender's clock against ours in parts per million; None before ten minutes have passed."""
        self._latest = -inf
        """The newest stamp that was believed."""
        self._contrary: list[tuple[float, float]] = []
        """Stamp and receipt of the newest readings in a row that speak against what is believed."""
        self._run = (0.0, 0.0, 0.0)
        """When the first of them came, as long as they have gone on, and their smallest and largest offset."""
        self._block = 0
        """Offsets seen since the estimate was last looked at."""
        self._largest = -inf
        """The largest of them."""
        self._recalled = (0.0, 0)
        """Offset of the stored reading that was recalled last, and how many in a row agree on it."""
        self._anchor: tuple[float, float] | None = None
        """Receipt and offset from which the drift is measured."""

    def place(self, stamp: float, received_at: float) -> float:
        """Return the instant under which a reading is judged, stored and told: UTC epoch seconds by the plant's clock.

        Args:
            stamp: UTC epoch seconds by the sender's clock.
            received_at: UTC epoch seconds by ours.
        """
        believed = self.offset_s
        offset = stamp - received_at
        expected = offset - believed
        if stamp <= self._latest or expected > AHEAD_S:
            return self._doubt(stamp, received_at)
        contrary = self._contrary
        if expected < -TOLERANCE_S:
            # A backlog, reading by reading, or a clock that was set back; no burst can tell which.
            noted = self._note(stamp, received_at)
            # One that is thinned out changes nothing that _doubt looks at, unless the stamps stand still.
            if received_at - contrary[0][1] >= _SPAN_S and (noted or contrary[-1][0] == contrary[-2][0]):
                return self._doubt(stamp, received_at, noted=True)
            self._latest = stamp
            return stamp - believed
        self._latest = stamp
        if contrary:
            contrary.clear()
        self._block += 1
        if offset > self._largest:
            self._largest = offset
        if self._block == _WINDOW:
            self._follow(received_at)
        if believed:
            at = stamp - believed
            return at if at < received_at else received_at
        return stamp if offset <= 0.0 else received_at

    def recall(self, at: float, stamp: float | None) -> None:
        """Go on from a stored reading; call it for each, oldest first.

        Args:
            at: the instant under which it was judged, UTC epoch seconds.
            stamp: what the sender's clock said, where that was something else.
        """
        offset = 0.0 if stamp is None else _plain(stamp - at)
        agrees = abs(offset - self._recalled[0]) <= _JITTER_S
        run = self._recalled[1] + 1 if agrees else 1
        self._recalled = (offset, run)
        if run >= AGREEING and offset != self.offset_s:  # a single stamp that was wild says nothing
            self.offset_s, self._latest = offset, -inf
        if offset == self.offset_s:
            self._latest = max(self._latest, at + offset)

    def our_clock_moved(self, by_s: float, seen_s: float | None = None) -> None:
        """Take note that our own clock was set by so many seconds; the sender's was not.

        Args:
            by_s: by how many seconds it was set ahead, negative for back.
            seen_s: the offset of the newest reading if that has come since: what is believed may rest on it.
        """
        believed = self.offset_s
        before = self.untold[0].before_s if self.untold else believed
        self.untold.clear()  # what was learned since then was of our own clock
        may_be = (believed - by_s,) if seen_s is None else (believed, believed - by_s, before - by_s)
        offset = min(may_be, key=lambda one: abs(one - (seen_s or 0.0)))
        if offset != believed:
            self._begin(_plain(offset), self._latest)

    @property
    def is_off(self) -> bool:
        """Whether the sender's clock is known not to be ours."""
        return self.offset_s != 0.0

    def _doubt(self, stamp: float, received_at: float, *, noted: bool = False) -> float:
        """Place a reading that is late, ahead of now, or older than the newest; ``noted``: as contrary, already."""
        if self._latest - self.offset_s > received_at + AHEAD_S:
            # What was believed lies ahead of now, so it was wrong, whoever's clock it was that erred.
            self._change(0.0, received_at, "its newest reading was dated ahead of now")
        expected = stamp - received_at - self.offset_s
        ahead, overtaken = expected > AHEAD_S, stamp < self._latest - REORDER_S
        if ahead or overtaken or expected < -TOLERANCE_S:
            if not noted:
                self._note(stamp, received_at)
            offset = self._agreed(AGREEING if ahead or overtaken else LAGGING)
            if offset is not None and abs(offset - self.offset_s) > (AHEAD_S if ahead else TOLERANCE_S):
                self._change(offset, received_at, "its newest readings agree on it")
            elif ahead or self._stands_still():
                return received_at
        self._latest = max(self._latest, stamp)
        return min(stamp - self.offset_s, received_at)

    def _note(self, stamp: float, received_at: float) -> bool:
        """Keep a contrary reading, and return whether it was: those close to the one before are thinned out."""
        contrary = self._contrary
        if contrary and abs(received_at - contrary[-1][1]) < _APART_S:
            return False
        offset = stamp - received_at
        began, low, high = self._run if contrary else (received_at, offset, offset)
        self._run = began, min(low, offset), max(high, offset)
        contrary.append((stamp, received_at))
        if len(contrary) > LAGGING:
            del contrary[0]
        return True

    def _stands_still(self) -> bool:
        """Return whether the newest contrary stamps are all the same while time has passed: then they say nothing."""
        newest = self._contrary[-AGREEING:]
        return (
            len(newest) == AGREEING
            and all(stamp == newest[0][0] for stamp, _ in newest)
            and newest[-1][1] - newest[0][1] >= _SPAN_S
        )

    def _agreed(self, count: int) -> float | None:
        """Return the offset on which the newest readings agree, None where they do not.

        A backlog does not: its stamps run faster than its receipts.
        """
        if len(self._contrary) < count:
            return None
        newest = self._contrary[-count:]
        span = newest[-1][1] - newest[0][1]
        offsets = [stamp - received for stamp, received in newest]
        began, low, high = self._run
        if high - low <= _JITTER_SHARE * (newest[-1][1] - began) - _JITTER_S:
            return median(offsets)  # it shakes, and has gone at the pace of ours for so long
        goes_on = newest[-1][0] > newest[0][0] and all(later[0] >= earlier[0] for earlier, later in pairwise(newest))
        if span < _SPAN_S or not goes_on:
            return None
        if max(offsets) - min(offsets) > max(_JITTER_S, _JITTER_SHARE * span):
            return None
        return median(offsets)

    def _change(self, offset: float, received_at: float, reason: str) -> None:
        before, after = self.offset_s, _plain(offset)
        if not before and not after:  # what was believed is dropped: the stamp that lay ahead of now
            before = self._latest - received_at
        self.changes += 1
        self.untold.append(ClockChange(before, after, received_at, reason))
        del self.untold[:-_UNTOLD]
        self._begin(after, -inf)

    def _begin(self, offset: float, latest: float) -> None:
        self.offset_s, self._latest = offset, latest
        self._contrary.clear()
        self._block, self._largest, self._anchor, self.drift_ppm = 0, -inf, None, None

    def _follow(self, received_at: float) -> None:
        """Let the estimate follow slow changes of a clock that is known to be off; one about right stays 0."""
        if self._anchor is None:
            self._anchor = (received_at, self._largest)
        elapsed = received_at - self._anchor[0]
        if elapsed >= _DRIFT_SPAN_S:
            self.drift_ppm = (self._largest - self._anchor[1]) / elapsed * 1e6
        if self.offset_s:
            self.offset_s = _plain(self._largest)
        self._block, self._largest = 0, -inf


def _plain(offset: float) -> float:
    """Return an offset, or 0 for one that the network may have made."""
    return 0.0 if not isfinite(offset) or -TOLERANCE_S <= offset <= AHEAD_S else offset
