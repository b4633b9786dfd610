"""The use of a link in a notification: for whom, for which alarm, whether it still may, and once."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aegisflow.domain.alarms.links import LEAST_KEY, LINK_USED, AlarmLink, LinkedAlarm, LinkSigner
from aegisflow.domain.alarms.model import Alarm, AlarmState, device_of
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.rights import Right
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry, AuditQuery
from aegisflow.errors import BadValueError, ConflictError, NotAllowedError, RequestError, UnavailableError
from aegisflow.plant.identities import Identities
from aegisflow.plant.protocol import Plant

__all__ = ["LinkOffice", "link_signer"]

BY_LINK = "by the link in the notification"


def link_signer(variable: str, environ: Mapping[str, str] | None = None) -> LinkSigner:
    """Return who signs links: with the key in an environment variable, else with one that ends with this process.

    Raises:
        BadValueError: the key is too short.
    """
    key = (os.environ if environ is None else environ).get(variable, "").strip().encode() if variable else b""
    if key and len(key) < LEAST_KEY:
        raise BadValueError(variable, f"{len(key)} bytes", f"at least {LEAST_KEY}, such as openssl rand -hex 32 prints")
    return LinkSigner(key or secrets.token_bytes(LEAST_KEY))


@dataclass(frozen=True, slots=True)
class LinkOffice:
    """Tells what a link is for, and lets it acknowledge once."""

    plant: Plant
    identities: Identities
    signer: LinkSigner
    keep_once: Callable[[AuditEntry, str], bool]
    """Commits a row of the audit unless there is one of its act and subject whose detail has the same under this
    name; returns whether it did."""

    def look(self, text: str) -> LinkedAlarm:
        """Return what a link is for, and why it acknowledges nothing any more.

        Raises:
            NotAllowedError: it is none of this plant's.
            UnavailableError: the machine's part of AegisFlow, or the store, does not answer.
        """
        link = self._read(text)
        alarm = self._alarm(link)
        try:
            self._person(link, alarm)
            if self._is_used(link):
                raise _used(link)
        except UnavailableError:
            raise
        except RequestError as error:
            return LinkedAlarm(link, alarm, str(error))
        return LinkedAlarm(link, alarm)

    def use(self, text: str, note: str, address: str) -> Alarm:
        """Acknowledge the alarm that a link is for, as the person whom it was sent to.

        Args:
            text: the end of the link's address.
            note: what that person says of it; may be empty.
            address: where the request came from, for the audit.

        Raises:
            NotAllowedError: it is none of this plant's, or that person may not acknowledge any more.
            ConflictError: it was used, has expired, or the alarm is not as it was; says how it is.
            UnavailableError: the machine's part of AegisFlow, or the store, does not answer.
        """
        link = self._read(text)
        by = self._person(link, self._alarm(link))
        detail = {"link": link.number, "told_at": format_instant(link.told_at), "from": address}
        # The use is on disk before anything comes of it: a link that were used up only afterwards could be used twice.
        if not self.keep_once(AuditEntry(self.plant.now(), by.name, LINK_USED, link.alarm_id, detail), "link"):
            raise _used(link)
        try:
            alarm = self.plant.acknowledge(link.alarm_id, by, f"{note} ({BY_LINK})" if note else BY_LINK)
        except UnavailableError as error:
            why = f"{error}; whether it is acknowledged is not known, and this link is used: sign in and look"
            raise ConflictError(why) from error
        if alarm.acknowledged_by != by.name:  # somebody else was faster, within this very moment
            raise ConflictError(_over(alarm))
        return alarm

    def _read(self, text: str) -> AlarmLink:
        link = self.signer.read(text)
        if link is None:
            why = "it is none of this plant's, or its key has been replaced since"
            raise NotAllowedError("acknowledge an alarm", "this link", why)
        return link

    def _alarm(self, link: AlarmLink) -> Alarm:
        device_id = device_of(link.alarm_id)
        if device_id in self.plant.inventory().devices:
            answer = self.plant.active_alarms((device_id,))
            found = next((alarm for alarm in answer.value if alarm.alarm_id == link.alarm_id), None)
            if found is not None:
                return found
            if answer.unavailable:
                raise UnavailableError(device_id, "; ".join(answer.unavailable.values()))
        return self.plant.alarm_life(link.alarm_id).value[-1].alarm

    def _person(self, link: AlarmLink, alarm: Alarm) -> Caller:
        """Return who acknowledges; raises where a link does not do that, or not any more."""
        by = self.identities.named(link.person)
        if by is None:
            why = "nobody of this name may come in any more"
            raise NotAllowedError("acknowledge an alarm by a link", link.person, why)
        device = self.plant.inventory().devices.get(alarm.device_id)
        if device is None:
            raise ConflictError(f"{alarm.device_id} has left the plant")
        require_operator(by, Right.HANDLE_ALARMS, "acknowledge alarms", on=device.line)
        why = _over(alarm)
        if why:
            raise ConflictError(why)
        if alarm.severity.rank > link.severity.rank:
            raise ConflictError(
                f"it was {link.severity} when this was sent and is {alarm.severity} now; sign in and look at it"
            )
        if self.plant.now() >= link.ends_at:
            raise ConflictError(f"this link ended at {format_instant(link.ends_at)}; sign in to acknowledge")
        return by

    def _is_used(self, link: AlarmLink) -> bool:
        page = self.plant.journal(AuditQuery(acts=(LINK_USED,), text=link.number, limit=1)).value
        return bool(page.entries)


def _over(alarm: Alarm) -> str:
    """Return why nobody is asked to acknowledge an alarm any more; empty while somebody is."""
    if alarm.state is AlarmState.NORMAL:
        ended = "" if alarm.cleared_at is None else f" since {format_instant(alarm.cleared_at)}"
        by = f", and {alarm.acknowledged_by} had acknowledged it" if alarm.acknowledged_by else ""
        return f"it is over: its cause is gone{ended}{by}"
    if alarm.state is AlarmState.ACKNOWLEDGED:
        at = "" if alarm.acknowledged_at is None else f" at {format_instant(alarm.acknowledged_at)}"
        return f"{alarm.acknowledged_by} has acknowledged it{at}" + (f": “{alarm.note}”" if alarm.note else "")
    if alarm.state.is_suppressed:
        by = f" by {alarm.suppressed_by}: “{alarm.suppression_reason}”" if alarm.suppressed_by else ""
        return f"nobody is asked to acknowledge it: it is {alarm.state.value.replace('_', ' ')}{by}"
    return ""


def _used(link: AlarmLink) -> ConflictError:
    return ConflictError(f"this link of {link.person} has been used, and acknowledges once; sign in to acknowledge")
