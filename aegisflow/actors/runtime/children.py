"""What the supervisor knows of each child: how to start it, how it fares, when to give it up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pykka

from aegisflow.config.services import SupervisionSettings
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.views import ChildHealth

__all__ = ["Child", "ChildSpec", "Family"]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child, and whether the process is worth nothing without it."""

    name: str
    start: Callable[[], pykka.ActorRef[Any]]
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """All children: ``before`` start one by one, then all devices together, then ``after``."""

    before: tuple[ChildSpec, ...]
    device: Callable[[DeviceSpec], ChildSpec]
    after: tuple[ChildSpec, ...]


@dataclass(slots=True)
class Child:
    """One child; times are monotonic."""

    spec: ChildSpec
    ref: pykka.ActorRef[Any] | None = None
    """None between a failure and the restart."""
    state: str = "running"
    detail: str = ""
    restarts: int = 0
    failures: list[float] = field(default_factory=list)
    """When it failed, within the time that ``max_restarts`` counts over."""
    backlog: tuple[object, ...] = ()
    """What its successor begins with."""
    due_at: float = 0.0
    """When to restart it or, while a ping is under way, when to give it up."""
    ping: "pykka.Future[Any] | None" = None

    @property
    def name(self) -> str:
        """The name of the child in the directory."""
        return self.spec.name

    def record_failure(self, reason: str, backlog: tuple[object, ...], settings: SupervisionSettings) -> float | None:
        """Note that it failed, and return the seconds until its restart; None when it has failed too often."""
        now = time.monotonic()
        self.ref = self.ping = None
        self.detail = reason
        self.backlog += backlog
        # Only failures within the window count, so a child that has long been well begins with the shortest delay
        # again.
        self.failures = [at for at in self.failures if now - at < settings.within_s] + [now]
        if len(self.failures) > settings.max_restarts:
            self.state = "isolated"
            return None
        growth: int = 2 ** (len(self.failures) - 1)
        delay_s = min(settings.backoff_max_s, settings.backoff_min_s * growth)
        self.state, self.due_at = "restarting", now + delay_s
        return delay_s

    def restart(self, ping_timeout_s: float) -> None:
        """Start it anew, with a new ``ref``, and give it so many seconds to answer a ping.

        Raises:
            Exception: whatever its constructor raises.
        """
        self.restarts += 1
        self.ref = self.spec.start()
        self.state, self.ping = "running", None
        self.due_at = time.monotonic() + ping_timeout_s

    def has_answered(self) -> bool:
        """Return whether its ping is over; a child that died meanwhile has said so itself."""
        if self.ping is None:
            return True
        try:
            self.ping.get(timeout=0)
        except pykka.Timeout:
            return False
        except pykka.ActorDeadError:
            return True
        return True

    def health(self) -> ChildHealth:
        """Return the state of the child for the health check."""
        return ChildHealth(self.name, self.state, self.restarts, self.detail)
