"""What a broker carries that nobody has described: seen, recognised, measured, and drafted as a plant file.

::

    live, or a capture ─► CapturedMessage ─► spot, clusters_of ─► Found: device, sensor, value ─► profiles ─► Draft
                                                                                                      │
                         the same messages, by the very sources that the draft declares ◄─────────────┘
"""

from typing import NamedTuple

__all__ = ["Found"]


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
