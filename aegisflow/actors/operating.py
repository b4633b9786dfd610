"""How a device's actor executes commands: between the guard, who says so, and the gateway, who sends."""

from abc import abstractmethod
from collections.abc import Callable

from aegisflow.actors.messages.device import AckReceived, CommandNotSent, ExecuteCommand, ReportMode, ViewDevice
from aegisflow.actors.messages.gateway import AskMachine, PublishCommand
from aegisflow.actors.messages.guard import CommandProgressed, DeviceViewed, ModeReported
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, Directory
from aegisflow.actors.runtime.dispatcher import DispatchedActor, Dispatcher
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.commands.execution import Progress
from aegisflow.domain.device import Device

__all__ = ["OperatingActor"]


class OperatingActor(DispatchedActor):
    """The part of a device's actor that deals with commands."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        dispatcher: Dispatcher,
        device: Device,
        now: Callable[[], float],
        answer_within_s: float,
    ) -> None:
        super().__init__(name, directory, dispatcher)
        self._device = device
        self._now = now
        self._answer_within_s = answer_within_s
        self._seen: tuple[Progress, ...] = ()
        """What became of the newest command, as told to the guard."""
        self._told_mode: tuple[object, float] | None = None

    @abstractmethod
    def _store(self, events: tuple[AlarmEvent, ...]) -> None:
        """Have alarm events stored."""

    def _operate(self, message: object) -> None:
        at = self._now()
        match message:
            case ViewDevice():
                self.tell(message.reply_to, DeviceViewed(message.number, self._device.view(at)))
            case ReportMode():
                self._told_mode = None
                for progress in self._seen:  # a guard that was restarted may have missed it
                    self.tell(GUARD, CommandProgressed(progress))
            case ExecuteCommand(record):
                begun = self._device.begin(record, at)
                self._progress(begun.ended)
                if begun.publish:
                    self.tell(GATEWAY, PublishCommand(record))
            case CommandNotSent(command_id, why):
                if self._device.command_state.open_command == command_id:
                    ended = self._device.command_state.not_sent(why, at)
                    self._progress(() if ended is None else (ended,))
            case AckReceived(ack):
                known = ack.command_id in ("none", self._device.command_state.open_command)
                if not known:
                    self.log.info("stray_ack", command=ack.command_id[:64], result=ack.result)
                told, events = self._device.acknowledged(ack, at)
                self._store(events)
                self._progress(told)
                self._watch(at)
        self._report_mode()

    def _watch(self, at: float) -> None:
        """Look what has become of the command under way, and ask the machine where nobody knows."""
        progress, events = self._device.watch(at)
        self._store(events)
        self._progress(progress)
        asked = self._device.command_state.question(at, self._answer_within_s)
        if asked is not None:
            self.tell(GATEWAY, AskMachine(self.name, asked))
        self._report_mode()

    def _progress(self, several: tuple[Progress, ...]) -> None:
        for progress in several:
            same = self._seen and self._seen[0].command_id == progress.command_id
            self._seen = (*self._seen, progress) if same else (progress,)
            self.log.info("command_progressed", command=progress.command_id, stage=progress.stage.value)
            self.tell(GUARD, CommandProgressed(progress))

    def _report_mode(self) -> None:
        command_state = self._device.command_state
        mode = (command_state.mode, command_state.reduction_pct)
        if mode != self._told_mode:
            self._told_mode = mode
            self.tell(GUARD, ModeReported(self.name, command_state.mode, command_state.reduction_pct))
