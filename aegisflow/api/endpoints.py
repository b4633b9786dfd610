"""The operators' API: every endpoint with what is sent to it and what it answers, declared once.

The HTTP server routes by these, the command line asks by these, and the OpenAPI document is made of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from aegisflow.api.schemas.alarms import (
    AlarmAcknowledged,
    AlarmKpiRequest,
    AlarmKpiSummary,
    AlarmList,
    AlarmRecord,
    AlarmSummary,
    ById,
    NoteRequest,
    OutOfServiceRequest,
    ShelfRequest,
)
from aegisflow.api.schemas.base import Nothing, Request, Shape
from aegisflow.api.schemas.commands import (
    AgentSwitch,
    ApprovalList,
    ApprovalRequest,
    CommandList,
    CommandListRequest,
    CommandRequest,
    CommandSummary,
    ReasonRequest,
    WayBackOffer,
)
from aegisflow.api.schemas.devices import DeviceSummary, ModeRequest, ModeStatement, RefusedList
from aegisflow.api.schemas.handover import HandoverRequest, HandoverSummary, ShiftReport, TakeOverRequest
from aegisflow.api.schemas.health import ReloadReport, ReloadRequest
from aegisflow.api.schemas.incidents import (
    ByNumber,
    IncidentHistory,
    IncidentList,
    IncidentListRequest,
    IncidentRequest,
    IncidentSummary,
    ReviewRequest,
)
from aegisflow.api.schemas.learning import LearningList, LearnRequest
from aegisflow.api.schemas.levels import AcceptAlarmRequest, LevelList, LevelsRequest
from aegisflow.api.schemas.plant import PlantStatus, TrendRequest
from aegisflow.api.schemas.tokens import (
    AgentToken,
    AgentTokenList,
    AgentTokenRequest,
    ByName,
    OperatorList,
    OperatorToken,
)
from aegisflow.api.schemas.trends import TrendSummary
from aegisflow.domain.rights import Right

__all__ = ["ENDPOINTS", "PREFIX", "Endpoint"]

PREFIX = "/operator/"

W_co = TypeVar("W_co", bound=Request, covariant=True)
B_co = TypeVar("B_co", bound=Request, covariant=True)
A_co = TypeVar("A_co", bound=Shape, covariant=True)


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[W_co, B_co, A_co]):
    """One thing that operators can ask for.

    Example:
        ``Endpoint("shelve_alarm", "POST", "alarms/{id}/shelve", "Shelve it.", ById, ShelfRequest, AlarmSummary,
        Right.HANDLE_ALARMS)``
    """

    name: str
    """What clients that are made from the OpenAPI document call it."""
    method: Literal["GET", "POST"]
    path: str
    """Below ``PREFIX``; a part in braces is a field of ``which``."""
    summary: str
    which: type[W_co]
    """What the path and the query say: about what, and how much of it."""
    body: type[B_co]
    """What a POST sends as a JSON object."""
    answer: type[A_co]
    right: Right
    """What whoever asks must have."""

    @property
    def noun(self) -> str:
        """What it is about, after which clients group them: ``alarms``."""
        return self.path.partition("/")[0].partition(".")[0]

    def url(self, which: Mapping[str, object]) -> str:
        """Return path and query, below ``PREFIX``, for what is asked about."""
        query = {name: value for name, value in which.items() if f"{{{name}}}" not in self.path}
        path = self.path.format_map({name: quote(str(value), safe="") for name, value in which.items()})
        return f"{path}?{urlencode(query)}" if query else path


class OpenApiDocument(Shape):
    """The operators' API as OpenAPI 3.1 describes it."""

    openapi: str
    info: dict[str, Any]
    security: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


OPENAPI = Endpoint(
    "describe_api",
    "GET",
    "openapi.json",
    "Describe this API.",
    Nothing,
    Nothing,
    OpenApiDocument,
    Right.SEE,
)

SHOW_STATUS = Endpoint(
    "show_status",
    "GET",
    "status",
    "Say what is wrong and what waits, and how every device is.",
    Nothing,
    Nothing,
    PlantStatus,
    Right.SEE,
)
SHOW_DEVICE = Endpoint(
    "show_device",
    "GET",
    "devices/{id}",
    "Show one device with its sensors.",
    ById,
    Nothing,
    DeviceSummary,
    Right.SEE,
)
SHOW_TREND = Endpoint(
    "show_trend",
    "GET",
    "devices/{id}/trend",
    "Show what sensors of a device have shown up to now.",
    TrendRequest,
    Nothing,
    TrendSummary,
    Right.SEE,
)

LIST_APPROVALS = Endpoint(
    "list_approvals",
    "GET",
    "approvals",
    "List the commands that wait for an operator.",
    Nothing,
    Nothing,
    ApprovalList,
    Right.SEE,
)
APPROVE = Endpoint(
    "approve_command",
    "POST",
    "commands/{id}/approve",
    "Approve a command exactly as it was shown.",
    ById,
    ApprovalRequest,
    CommandSummary,
    Right.APPROVE,
)
REJECT = Endpoint(
    "reject_command",
    "POST",
    "commands/{id}/reject",
    "Reject a command that waits.",
    ById,
    ReasonRequest,
    CommandSummary,
    Right.APPROVE,
)
LIST_COMMANDS = Endpoint(
    "list_commands",
    "GET",
    "commands",
    "List commands, newest first.",
    CommandListRequest,
    Nothing,
    CommandList,
    Right.SEE,
)
SHOW_COMMAND = Endpoint(
    "show_command",
    "GET",
    "commands/{id}",
    "Show how far a command came, and why.",
    ById,
    Nothing,
    CommandSummary,
    Right.SEE,
)
SHOW_WAY_BACK = Endpoint(
    "show_way_back",
    "GET",
    "commands/{id}/way-back",
    "Show what leads back from a verified command, and what has changed since.",
    ById,
    Nothing,
    WayBackOffer,
    Right.SEE,
)
GO_BACK = Endpoint(
    "go_back",
    "POST",
    "commands/{id}/way-back",
    "Propose what leads back from a verified command; policy and interlocks hold all the same.",
    ById,
    ReasonRequest,
    CommandSummary,
    Right.COMMAND,
)
GIVE_COMMAND = Endpoint(
    "give_command",
    "POST",
    "commands",
    "Give a machine a command; policy and interlocks hold all the same.",
    Nothing,
    CommandRequest,
    CommandSummary,
    Right.COMMAND,
)
STATE_MODE = Endpoint(
    "state_mode",
    "POST",
    "devices/{id}/mode",
    "State the mode that a machine is in; nothing is sent to it.",
    ById,
    ModeRequest,
    ModeStatement,
    Right.COMMAND,
)
SHOW_AGENTS = Endpoint(
    "show_agents",
    "GET",
    "agents",
    "Say whether agents may propose commands.",
    Nothing,
    Nothing,
    AgentSwitch,
    Right.SEE,
)
STOP_AGENTS = Endpoint(
    "stop_agents",
    "POST",
    "agents/stop",
    "Stop every command of agents, from now on and over restarts.",
    Nothing,
    ReasonRequest,
    AgentSwitch,
    Right.STOP_AGENTS,
)
RESUME_AGENTS = Endpoint(
    "resume_agents",
    "POST",
    "agents/resume",
    "Allow agents to propose commands again.",
    Nothing,
    ReasonRequest,
    AgentSwitch,
    Right.APPROVE,
)

LIST_AGENT_TOKENS = Endpoint(
    "list_agent_tokens",
    "GET",
    "agent-tokens",
    "List the agents that have or had a token.",
    Nothing,
    Nothing,
    AgentTokenList,
    Right.SEE,
)
ADD_AGENT_TOKEN = Endpoint(
    "add_agent_token",
    "POST",
    "agent-tokens",
    "Make a token of an agent known; it opens at once.",
    Nothing,
    AgentTokenRequest,
    AgentToken,
    Right.ADMINISTER,
)
REVOKE_AGENT_TOKEN = Endpoint(
    "revoke_agent_token",
    "POST",
    "agent-tokens/{name}/revoke",
    "End the token of an agent, at once and over restarts.",
    ByName,
    ReasonRequest,
    AgentToken,
    Right.ADMINISTER,
)
LIST_OPERATORS = Endpoint(
    "list_operators",
    "GET",
    "operators",
    "List the people who may come in.",
    Nothing,
    Nothing,
    OperatorList,
    Right.SEE,
)
REVOKE_OPERATOR = Endpoint(
    "revoke_operator",
    "POST",
    "operators/{name}/revoke",
    "End the token of a person, at once and over restarts.",
    ByName,
    ReasonRequest,
    OperatorToken,
    Right.ADMINISTER,
)

LIST_ALARMS = Endpoint(
    "list_alarms",
    "GET",
    "alarms",
    "List the alarms, and what of the past is like them.",
    Nothing,
    Nothing,
    AlarmList,
    Right.SEE,
)
SHOW_ALARM = Endpoint(
    "show_alarm",
    "GET",
    "alarms/{id}",
    "Show one alarm and what has happened to it.",
    ById,
    Nothing,
    AlarmRecord,
    Right.SEE,
)
ACKNOWLEDGE = Endpoint(
    "acknowledge_alarm",
    "POST",
    "alarms/{id}/acknowledge",
    "Take note of an alarm.",
    ById,
    NoteRequest,
    AlarmAcknowledged,
    Right.HANDLE_ALARMS,
)
SHELVE = Endpoint(
    "shelve_alarm",
    "POST",
    "alarms/{id}/shelve",
    "Shelve an alarm for a time.",
    ById,
    ShelfRequest,
    AlarmSummary,
    Right.HANDLE_ALARMS,
)
UNSHELVE = Endpoint(
    "unshelve_alarm",
    "POST",
    "alarms/{id}/unshelve",
    "Return an alarm to service before its shelf ends.",
    ById,
    Nothing,
    AlarmSummary,
    Right.HANDLE_ALARMS,
)
TAKE_OUT_OF_SERVICE = Endpoint(
    "take_alarm_out_of_service",
    "POST",
    "alarms/{id}/out-of-service",
    "Take an alarm out of service until it is returned.",
    ById,
    OutOfServiceRequest,
    AlarmSummary,
    Right.HANDLE_ALARMS,
)
RETURN_TO_SERVICE = Endpoint(
    "return_alarm_to_service",
    "POST",
    "alarms/{id}/in-service",
    "Return an alarm to service.",
    ById,
    Nothing,
    AlarmSummary,
    Right.HANDLE_ALARMS,
)
ACCEPT_ALARM = Endpoint(
    "accept_alarm",
    "POST",
    "alarms/{id}/accept",
    "Say that what the sensors of an alarm show now is normal; it ends by itself.",
    ById,
    AcceptAlarmRequest,
    LevelList,
    Right.HANDLE_ALARMS,
)
LIST_LEVELS = Endpoint(
    "list_levels",
    "GET",
    "levels",
    "List the levels that people have accepted as normal.",
    Nothing,
    Nothing,
    LevelList,
    Right.SEE,
)
ACCEPT_LEVELS = Endpoint(
    "accept_levels",
    "POST",
    "devices/{id}/levels/accept",
    "Say that what sensors of a device show now is normal, after a change of set-point or recipe.",
    ById,
    LevelsRequest,
    LevelList,
    Right.HANDLE_ALARMS,
)
RESTORE_LEVELS = Endpoint(
    "restore_levels",
    "POST",
    "devices/{id}/levels/restore",
    "Take back that a level is normal: the one of before holds again.",
    ById,
    LevelsRequest,
    LevelList,
    Right.HANDLE_ALARMS,
)
LIST_LEARNING = Endpoint(
    "list_learning",
    "GET",
    "learning",
    "List until when devices are healthy by somebody's word and being learned, and what was accepted of that.",
    Nothing,
    Nothing,
    LearningList,
    Right.SEE,
)
LEARN_DEVICE = Endpoint(
    "learn_device",
    "POST",
    "devices/{id}/learning",
    "Say until when a device is healthy and being learned; extend that, accept what was learned, or throw it away.",
    ById,
    LearnRequest,
    LearningList,
    Right.HANDLE_ALARMS,
)
SHOW_FIGURES = Endpoint(
    "show_figures",
    "GET",
    "figures",
    "Say how many alarms people got, by EEMUA 191.",
    AlarmKpiRequest,
    Nothing,
    AlarmKpiSummary,
    Right.SEE,
)

LIST_REFUSED = Endpoint(
    "list_refused",
    "GET",
    "refused",
    "Say what was refused since the start: device, sensor, reason, topic and sample.",
    Nothing,
    Nothing,
    RefusedList,
    Right.SEE,
)
RELOAD = Endpoint(
    "reload_plant",
    "POST",
    "plant/reload",
    "Have plant.yaml read again, and say what that changed.",
    Nothing,
    ReloadRequest,
    ReloadReport,
    Right.RELOAD,
)

SHOW_HANDOVER = Endpoint(
    "show_handover",
    "GET",
    "handover",
    "Say what one shift tells the next.",
    Nothing,
    Nothing,
    ShiftReport,
    Right.SEE,
)
HAND_OVER = Endpoint(
    "hand_over",
    "POST",
    "handover/leave",
    "Sign as the one who leaves a shift.",
    Nothing,
    HandoverRequest,
    HandoverSummary,
    Right.HANDLE_ALARMS,
)
TAKE_OVER = Endpoint(
    "take_over",
    "POST",
    "handover/take",
    "Sign as the one who takes a shift over.",
    Nothing,
    TakeOverRequest,
    HandoverSummary,
    Right.HANDLE_ALARMS,
)

LIST_INCIDENTS = Endpoint(
    "list_incidents",
    "GET",
    "incidents",
    "List incident reports, reviewed ones first.",
    IncidentListRequest,
    Nothing,
    IncidentList,
    Right.SEE,
)
WRITE_INCIDENT = Endpoint(
    "write_incident",
    "POST",
    "incidents",
    "Write an incident report.",
    Nothing,
    IncidentRequest,
    IncidentSummary,
    Right.REPORT,
)
SHOW_INCIDENT = Endpoint(
    "show_incident",
    "GET",
    "incidents/{id}",
    "Show a report and what it said before.",
    ByNumber,
    Nothing,
    IncidentHistory,
    Right.SEE,
)
REVIEW_INCIDENT = Endpoint(
    "review_incident",
    "POST",
    "incidents/{id}/review",
    "Say that a report is right, correct it, or withdraw it.",
    ByNumber,
    ReviewRequest,
    IncidentSummary,
    Right.REPORT,
)

ENDPOINTS: tuple[Endpoint[Any, Any, Any], ...] = tuple(one for one in globals().values() if isinstance(one, Endpoint))
"""All of the above, in their order."""
