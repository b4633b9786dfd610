"""The same days as they come from the field: bad values, repeated stamps, and a clock that jumps.

One reading in a hundred has a value that cannot be used in the place of one that could. One in a hundred is
repeated: as a whole, as a broker delivers again, or only by its stamp, as senders of whole seconds do. Once a day
the sender's clock is set to something else, and stays there. All of it goes the way of a live reading, as a
message through the codec, and past ticks.
"""

import json
import random
from collections.abc import Iterator

from aegisflow.bus import BusMessage
from aegisflow.bus.codec import Codec
from aegisflow.config.services import Topics
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import format_instant
from benchmarks.detection.days import Raised, judge

__all__ = ["messages", "through_dirt"]

SHARE = 0.01
"""Of the readings that have a bad value, and again of those whose stamp is repeated."""
BAD: tuple[object, ...] = ("unavailable", True, 1e12, -1e12, [], float("nan"))
JUMPS_S = (-5 * 3600.0, -3600.0, -90.0, -30.0, 59.5, 3600.0, 2 * 3600.0, 365 * 86_400.0)
"""By how much a clock is off from its jump on: local time, the end of summer time, a worn battery."""


def messages(spec: DeviceSpec, readings: Iterator[Reading]) -> Iterator[tuple[float, bytes]]:
    """Return when each message comes and what it says; the same dirt for the same day of a device."""
    known = list(readings)
    chance = random.Random(f"{spec.device_id} {known[0].at} {sum(known[0].values.values())}")
    jump, off_s = chance.randrange(len(known)), chance.choice(JUMPS_S)
    before = known[0].at
    for number, reading in enumerate(known):
        stamp = reading.at + (off_s if number >= jump else 0.0)
        content: dict[str, object] = {"device_id": spec.device_id, **reading.values}
        if chance.random() < SHARE:
            content[chance.choice([*reading.values])] = chance.choice(BAD)
        said, again = stamp, 0
        if chance.random() < SHARE:
            again = chance.randrange(2)
            said = stamp if again else before
        payload = json.dumps({"timestamp": format_instant(said), **content}).encode()
        yield reading.received_at, payload
        if again:
            yield reading.received_at + 0.5, payload
        before = stamp


def through_dirt(spec: DeviceSpec, readings: Iterator[Reading]) -> list[Raised]:
    """The device code of AegisFlow behind its codec, on the soiled stream."""
    topics = Topics()
    codec = Codec(topics, {spec.device_id: spec})
    topic = topics.sensors.replace("{device_id}", spec.device_id)
    decode = codec.decode_reading
    came = ((at, BusMessage(topic, payload)) for at, payload in messages(spec, readings))
    return judge(spec, (decode(message, at) for at, message in came), ticks=True)
