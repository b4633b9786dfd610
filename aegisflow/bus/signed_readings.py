r"""Signed readings: who sent them, and that nobody recorded them earlier.

A signed reading is a JSON object whose last member is ``mac``. What is signed are the bytes before the comma of that
member, as they are on the wire, so that no two programs have to agree on how a number is written::

    {"timestamp":"2026-01-31T08:00:00Z","pressure":31.2,"mac":"9f86d0…"}
    └───────────────── signed ────────────────────────┘

    mac = HMAC-SHA256(key of the device, device id + "\n" + signed), in hexadecimal
    key of the device = HMAC-SHA256(key of the plant, "reading\n" + device id), in hexadecimal, as ASCII

A machine has its own key alone, so whoever opens one machine speaks for no other.
"""

import hashlib
import hmac
import re

from aegisflow.domain.credentials import device_key
from aegisflow.errors import PayloadError

__all__ = ["BACK_S", "ReadingSignatures"]

BACK_S = 120.0
"""A signed reading may be dated so long before the newest one of its device; what is older is a recording."""
_TAIL = re.compile(rb',\s*"mac"\s*:\s*"([0-9a-f]{64})"\s*\}\s*\Z')
_TAIL_BYTES = 120


class ReadingSignatures:
    """Checks the signatures of readings. Only one thread may use it at a time.

    Args:
        plant_keys: each makes keys of devices; several while keys are being replaced.
    """

    def __init__(self, plant_keys: tuple[bytes, ...]) -> None:
        self._plant_keys = plant_keys
        self._macs: dict[str, tuple[hmac.HMAC, ...]] = {}
        """Device to one beginning of a signature for each key."""
        self._newest: dict[str, float] = {}
        """Device to the newest stamp of its signed readings, but never one ahead of our clock."""

    def is_signed(self, device_id: str, payload: bytes) -> bool:
        """Return whether a payload is signed by its device; False for one without a mac.

        Raises:
            PayloadError: it has a mac that none of the device's keys makes.
        """
        found = _TAIL.search(payload, max(0, len(payload) - _TAIL_BYTES))
        if found is None:
            return False
        signed, mac = payload[: found.start()], found.group(1).decode()
        for begun in self._begun(device_id):
            made = begun.copy()
            made.update(signed)
            if hmac.compare_digest(made.hexdigest(), mac):
                return True
        raise PayloadError("bad_signature", f"expected a mac made with the key of {device_id[:60]}")

    def admit(self, device_id: str, stamp: float, received_at: float) -> None:
        """Take note of a signed reading's stamp, in UTC epoch seconds.

        Raises:
            PayloadError: it is dated so long before the newest that somebody must have recorded it.
        """
        newest = self._newest.get(device_id)
        if newest is not None and stamp < newest - BACK_S:
            raise PayloadError("replayed", f"dated {newest - stamp:.0f} s before the newest signed reading")
        self.know(device_id, min(stamp, received_at))

    def know(self, device_id: str, stamp: float) -> None:
        """Take note of a stamp that a device has come to, as the store remembers it."""
        # A clock that was ahead once must not keep out what it says when it is right again, so callers give no
        # stamp that lies ahead of ours.
        self._newest[device_id] = max(stamp, self._newest.get(device_id, stamp))

    def _begun(self, device_id: str) -> tuple[hmac.HMAC, ...]:
        begun = self._macs.get(device_id)
        if begun is None:
            keys = (device_key(key, device_id).encode() for key in self._plant_keys)
            begun = tuple(hmac.new(key, f"{device_id}\n".encode(), hashlib.sha256) for key in keys)
            self._macs[device_id] = begun
        return begun
