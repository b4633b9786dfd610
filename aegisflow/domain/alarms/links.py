"""Links in notifications by which the person that one was sent to acknowledges an alarm, once.

::

    notification ──► signed link ──► page with a button, which changes nothing ──► button: acknowledged, once

Mail scanners and previews of chats open whatever they are sent, so that opening a link must do nothing. A link names
the alarm, the person, how severe the alarm was when they were told, and when that was; whoever changes any of it
breaks the signature. It opens no session, and there is none for a command.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from aegisflow.domain.alarms.model import Alarm, Severity

__all__ = ["LASTS_S", "LEAST_KEY", "LINK_USED", "AlarmLink", "LinkSigner", "LinkedAlarm"]

LASTS_S = 8 * 3_600.0
"""So long after people were told a link still acknowledges: a shift."""
LEAST_KEY = 32
"""Bytes that a key has at least."""
LINK_USED = "alarm_link_used"
"""Act of the row of the audit that stands for the one use of a link; its detail names that under ``link``."""
MAX_CHARACTERS = 2_000
_PURPOSE = b"aegisflow acknowledges an alarm, 1\n"


@dataclass(frozen=True, slots=True)
class AlarmLink:
    """What a link stands for."""

    alarm_id: str
    person: str
    """Whose acknowledgement it is."""
    severity: Severity
    """Of the alarm when the person was told: one that has become worse since asks again."""
    told_at: float
    """UTC epoch seconds by the plant's clock."""

    @property
    def ends_at(self) -> float:
        """When it acknowledges nothing any more, UTC epoch seconds by the plant's clock."""
        return self.told_at + LASTS_S

    @property
    def number(self) -> str:
        """What its use is kept under. A notification that is delivered again carries the same link."""
        return hashlib.sha256(self._content()).hexdigest()[:32]

    def _content(self) -> bytes:
        named = (self.alarm_id, self.person, self.severity.value, self.told_at)
        return json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode()

    def signed(self, key: bytes) -> str:
        """Return it as the end of an address, with its signature."""
        content = self._content()
        return f"{_text(content)}.{_text(_signature(key, content))}"

    @classmethod
    def read(cls, text: str, key: bytes) -> "AlarmLink | None":
        """Return what a text stands for; None unless this key has signed it."""
        content, _, signature = text[:MAX_CHARACTERS].partition(".")
        try:
            signed, given = _bytes(content), _bytes(signature)
            if not hmac.compare_digest(_signature(key, signed), given):
                return None
            alarm_id, person, severity, told_at = json.loads(signed)
            return cls(str(alarm_id), str(person), Severity(severity), float(told_at))
        except (ValueError, TypeError, binascii.Error):  # ours are all fine; a later version's may be others
            return None


@dataclass(frozen=True, slots=True)
class LinkedAlarm:
    """What somebody sees who opens a link."""

    link: AlarmLink
    alarm: Alarm
    """As it is now."""
    why_not: str = ""
    """Why the link acknowledges nothing; empty while it does."""


class LinkSigner:
    """Makes and reads links with one key.

    Args:
        key: secret, and at least ``LEAST_KEY`` bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < LEAST_KEY:
            raise ValueError(f"a key of links has at least {LEAST_KEY} bytes")
        self._key = key

    def write(self, link: AlarmLink) -> str:
        """Return a link as the end of an address."""
        return link.signed(self._key)

    def read(self, text: str) -> AlarmLink | None:
        """Return what the end of an address stands for; None for what this key has not signed."""
        return AlarmLink.read(text, self._key)


def _signature(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + content, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
