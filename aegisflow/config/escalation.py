"""The part of ``plant.yaml`` that says who is told of alarms, and where."""

from typing import Annotated

from pydantic import Field

from aegisflow.config.fields import EMPTY, Name, PageUrl, Seconds, Section, SeverityName, Variable, Wording, Words
from aegisflow.config.mistakes import Mistakes, Shown, one_of
from aegisflow.domain.alarms.escalation import DEFAULT_ESCALATION, EscalationRule, EscalationSpec
from aegisflow.domain.alarms.model import Severity

Topic = Annotated[
    str,
    Field(pattern=r"^(?:[^+#$\x00-\x1f][^+#\x00-\x1f]{0,499})?$"),
    Wording("an MQTT topic without + and #, or an empty text for none"),
]


class EscalationPart(Section):
    """For one severity."""

    answer_within_s: Seconds = Field(gt=0, le=7 * 86_400, examples=["15min"])
    """After this without an acknowledgement the next level is told (high and critical alarms)."""
    levels: Words = Field(examples=[["shift supervisor", "maintenance team"]])
    """Who is told, first to last."""


class AgentPart(Section):
    """An agent that serious alarms wake, over A2A 1.0."""

    url: Annotated[
        str, Field(pattern=r"^(?:https?://[^\s/@]+/\S*)?$", max_length=500), Wording("an http or https URL, or nothing")
    ] = Field(default="", examples=["http://archestra:9000/v2/a2a/AGENT_ID"])
    """Where it takes messages, such as http://archestra:9000/v2/a2a/AGENT_ID; empty for none."""
    token_env: Variable = "AEGISFLOW_A2A_TOKEN"  # noqa: S105 - the name of a variable, not a secret
    """Name of the environment variable with the platform's bearer token."""


class NotificationSettings(Section):
    """Where notifications go."""

    log: bool = True
    """Whether they are written into the log."""
    topic: Topic = "aegisflow/notifications"
    """MQTT topic for JSON, QoS 1, never retained; empty for none."""
    webhook_env: Variable = Field(default="", examples=["AEGISFLOW_WEBHOOK"])
    """Name of the environment variable with a URL that gets JSON by POST."""
    agent: AgentPart = AgentPart()
    page_url: PageUrl = Field(default="", examples=["https://plant.example:8765"])
    """Where people reach the page, such as https://plant.example:8765; each notification then links to it."""
    people: Annotated[dict[str, Name], EMPTY] = Field(default_factory=dict, examples=[{"plant manager": "anna"}])
    """Level of the escalation to the person it is, as operators names them: what the webhook gets for them has a link
    that acknowledges the alarm in their name, once."""
    link_key_env: Variable = "AEGISFLOW_LINK_KEY"
    """Name of the environment variable with the secret that signs these links, 32 characters or more; where it is not
    set, links end when AegisFlow is restarted."""


Escalation = Annotated[dict[SeverityName, EscalationPart], EMPTY]


def build_escalation(parts: dict[str, EscalationPart], mistakes: Mistakes) -> EscalationSpec:
    """Return the escalation: what the file says, over the defaults."""
    rules = dict(DEFAULT_ESCALATION)
    for severity, part in parts.items():
        if not part.levels or not all(part.levels):
            mistakes.add(("escalation", severity, "levels"), Shown("nobody"), "at least one name, told first")
        rules[Severity(severity)] = EscalationRule(part.answer_within_s, part.levels or ("nobody",))
    return EscalationSpec(rules)


def check_people(settings: NotificationSettings, escalation: EscalationSpec, mistakes: Mistakes) -> None:
    """See that each person who is to acknowledge by a link is told of something, and that the link leads somewhere.

    Whether they are still known is no mistake: a file that takes somebody out of ``operators`` must not be refused.
    """
    levels = list(dict.fromkeys(level for rule in escalation.rules.values() for level in rule.levels))
    for level in settings.people:
        if level not in levels:
            mistakes.add(("notifications", "people", level), level, f"a level of the escalation, {one_of(levels)}")
    if settings.people and not settings.page_url:
        mistakes.add(("notifications", "page_url"), None, "where people reach the page, since people get links to it")
