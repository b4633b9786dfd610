"""Whether the plant is watched, and what a reload did, as people and programs see it."""

from collections.abc import Sequence
from typing import Self

from aegisflow.api.schemas.base import Moment, Request, Shape, moment
from aegisflow.domain.views import Health, PlantChange, StoreHealth

__all__ = ["BrokerLink", "HealthReport", "ReloadReport", "StoreProgress"]

MAX_CHILDREN = 20


class BrokerLink(Shape):
    """The connection to the broker."""

    address: str
    connected: bool
    detail: str


class StoreProgress(Shape):
    """What the store has really done."""

    ok: bool
    detail: str
    last_commit_at: Moment | None
    last_commit_age_s: float | None
    pending: int
    """Readings taken but not yet committed."""
    committed_readings: int
    """Since the start."""

    @classmethod
    def of(cls, store: StoreHealth, wall: float) -> Self:
        """Return the store at an instant of the wall clock, UTC epoch seconds."""
        return cls(
            ok=store.ok,
            detail=store.detail,
            last_commit_at=moment(store.last_commit_at),
            last_commit_age_s=_age_s(store.last_commit_at, wall),
            pending=store.pending,
            committed_readings=store.committed_readings,
        )


class HealthReport(Shape):
    """Whether the plant is watched: verdict, reasons, and how long ago work was last really done."""

    ok: bool
    reasons: list[str]
    """What is wrong; none when it is ok."""
    notes: list[str]
    """What people should know although the plant is watched."""
    broker: BrokerLink
    store: StoreProgress
    last_reading_age_s: float | None
    devices: int
    received: int
    """Messages since the start."""
    rejected: dict[str, int]
    """Why messages were refused, and how many."""
    not_running: dict[str, str]
    """Actors that are restarting or isolated, and why."""

    @classmethod
    def of(cls, health: Health, wall: float, now: float) -> Self:
        """Return the plant's health.

        Args:
            health: of the plant.
            wall: the wall clock, UTC epoch seconds, by which commits are timed.
            now: the plant's clock, UTC epoch seconds, by which readings are timed.
        """
        return cls(
            ok=health.ok,
            reasons=list(health.reasons),
            notes=list(health.notes),
            broker=BrokerLink(address=health.broker, connected=health.broker_connected, detail=health.broker_detail),
            store=StoreProgress.of(health.store, wall),
            last_reading_age_s=_age_s(health.last_reading_at, now),
            devices=health.devices,
            received=health.received,
            rejected=dict(health.rejected),
            not_running={child.name: f"{child.state}: {child.detail}" for child in health.children[:MAX_CHILDREN]},
        )


def _age_s(at: float | None, now: float) -> float | None:
    return None if at is None else round(now - at, 3)


class ReloadRequest(Request):
    """Reading plant.yaml again."""

    yes: bool = False
    """Agree to what was said to wait: a change that takes much away, or an open alarm."""


class ReloadReport(Shape):
    """What reading plant.yaml again changed, or why it changed nothing."""

    applied: bool
    added: tuple[str, ...] = ()
    """Devices."""
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    """Key paths whose new values only a restart brings in."""
    mistakes: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    """What would go that is watched now, or open; nothing is changed until people say yes to that."""
    policy: tuple[str, ...] = ()
    """How the policy differs, line by line."""
    policy_sha256: str = ""
    """Digest of the policy that runs now."""

    @classmethod
    def of(cls, change: PlantChange) -> Self:
        """Return what a reload did."""
        return cls(
            applied=change.applied,
            added=change.added,
            removed=change.removed,
            changed=change.changed,
            needs_restart=change.needs_restart,
            mistakes=change.mistakes,
            waits=change.waits,
            policy=change.policy,
            policy_sha256=change.policy_sha256,
        )

    @classmethod
    def refused(cls, mistakes: Sequence[str]) -> Self:
        """Return that nothing was changed, and why."""
        return cls(applied=False, mistakes=tuple(mistakes))
