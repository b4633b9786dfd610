"""The guard: every command that anybody proposes passes here, and leaves a row."""

import uuid
from collections.abc import Callable

import pykka

from aegisflow.actors.base import HISTORIAN, Directory, ThreadedActor
from aegisflow.actors.messages import PlantReplaced, RequestCommand, StoreCommand
from aegisflow.domain.commands import Command, CommandReceipt, Stage
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.proposals import check_proposal
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import UnknownNameError
from aegisflow.telemetry import Metrics

__all__ = ["Guard"]

NO_POLICY = "no command policy is configured in this version of AegisFlow, and without a rule nothing is allowed"
NEXT_STEP = (
    "nothing was sent to the machine; a person can act at the machine itself, and the proposal is kept in the audit"
)


class Guard(ThreadedActor):
    """Decides on proposals. It has no rules yet, and silence means deny; nothing is ever published.

    The decision is committed before it is told: the answer is a future that the historian completes,
    so a store that is stuck keeps the one who asked waiting, never the guard.
    """

    def __init__(
        self, name: str, directory: Directory, plant: PlantSpec, now: Callable[[], float], metrics: Metrics
    ) -> None:
        super().__init__(name, directory)
        self._plant = plant
        self._now = now
        self._metrics = metrics

    def on_receive(self, message: object) -> object:
        """Decide."""
        match message:
            case RequestCommand():
                return self._decide(message)
            case PlantReplaced(plant):
                self._plant = plant
            case _:
                super().on_receive(message)
        return None

    def _decide(self, request: RequestCommand) -> "pykka.Future[CommandReceipt]":
        device = self._plant.devices.get(request.device_id)
        if device is None:
            raise UnknownNameError("device", request.device_id, tuple(self._plant.devices))
        parameters = check_proposal(request.command, request.parameters, device)
        at = self._now()
        command = Command(
            command_id=f"cmd-{uuid.uuid4().hex[:12]}",
            device_id=request.device_id,
            command=request.command,
            parameters=parameters,
            proposed_by=request.by,
            justification=request.justification,
            proposed_at=at,
        )
        receipt = CommandReceipt(command, Stage.DENIED, (NO_POLICY,), NEXT_STEP)
        detail = {
            "command_id": command.command_id,
            "command": command.command.value,
            "parameters": parameters,
            "kind": request.by.kind,
            "justification": request.justification,
            "reasons": list(receipt.reasons),
        }
        audit = AuditEntry(at, request.by.name, "command_denied", request.device_id, detail)
        stored = self.directory.begin(HISTORIAN, StoreCommand(receipt, audit))
        self._metrics.commands.labels(receipt.stage.value).inc()
        self.log.info("command_decided", command=command.command_id, stage=receipt.stage.value, by=request.by.name)

        def confirmed(answer: object) -> CommandReceipt:
            if isinstance(answer, Exception):
                raise answer
            return receipt

        return stored.map(confirmed)
