"""Every message between actors, grouped by who receives it.

Acts are imperative, facts past tense, questions carry the type of their answer. Nothing in a
message is mutable.
"""

from aegisflow.actors.messages.common import Bundle, Ping, Question, Tick, Wake
from aegisflow.actors.messages.device import (
    AcknowledgeAlarm,
    BringAlarmBack,
    DeviceRecalled,
    ReadAlarms,
    ReadDeviceStatus,
    ReconfigureDevice,
    RecordReadings,
    SetAlarmAside,
)
from aegisflow.actors.messages.gateway import (
    DrainInbound,
    FlushInbound,
    GatewayCounts,
    PlantReplaced,
    ReadGatewayCounts,
    RecordsCommitted,
)
from aegisflow.actors.messages.guard import RequestCommand
from aegisflow.actors.messages.manuals import FindPassages, ListManuals, ReadManual, ReadManualProblems
from aegisflow.actors.messages.store import (
    AppendAudit,
    DeadLetter,
    FindAlarmHistory,
    FindAlarms,
    FindAudit,
    FindCommands,
    FindIncidents,
    FindReadings,
    FindStream,
    FlushStore,
    ReadStoreHealth,
    RecallDevice,
    StoreCommand,
    StoreDeadLetters,
    StoreIncident,
    StoreRecords,
)
from aegisflow.actors.messages.supervisor import ChildFailed, ReadSupervision, ReplacePlant, StartChildren, StopChildren

__all__ = [
    "AcknowledgeAlarm",
    "AppendAudit",
    "BringAlarmBack",
    "Bundle",
    "ChildFailed",
    "DeadLetter",
    "DeviceRecalled",
    "DrainInbound",
    "FindAlarmHistory",
    "FindAlarms",
    "FindAudit",
    "FindCommands",
    "FindIncidents",
    "FindPassages",
    "FindReadings",
    "FindStream",
    "FlushInbound",
    "FlushStore",
    "GatewayCounts",
    "ListManuals",
    "Ping",
    "PlantReplaced",
    "Question",
    "ReadAlarms",
    "ReadDeviceStatus",
    "ReadGatewayCounts",
    "ReadManual",
    "ReadManualProblems",
    "ReadStoreHealth",
    "ReadSupervision",
    "RecallDevice",
    "ReconfigureDevice",
    "RecordReadings",
    "RecordsCommitted",
    "ReplacePlant",
    "RequestCommand",
    "SetAlarmAside",
    "StartChildren",
    "StopChildren",
    "StoreCommand",
    "StoreDeadLetters",
    "StoreIncident",
    "StoreRecords",
    "Tick",
    "Wake",
]
