"""What a broker carries that nobody has described: seen, recognised, measured, and drafted as a plant file.

::

    live, or a capture ─► Message ─► Recogniser ─► Found: device, sensor, value ─► Profile ─► draft of plant.yaml
                                                                                        └──► checked by the same
                                                                                             sources that will read it
"""

from typing import NamedTuple

__all__ = ["Found", "Message"]


class Message(NamedTuple):
    """What a broker delivered."""

    topic: str
    payload: bytes
    at: float
    """UTC epoch seconds at which it came."""
    retained: bool = False


class Found(NamedTuple):
    """One value that a message says."""

    device: str
    """The sender's name of it."""
    sensor: str
    """Our name for it, before those of one device are told apart."""
    path: str
    """Where a source finds it: a path, or the sender's name of the sensor; empty where our name does."""
    said: object
    """A number, a truth value or a word."""
    unit: str = ""
    """As the message or the preset says."""
