"""What administrators do about tokens over HTTP."""

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.commands import ReasonRequest
from aegisflow.api.schemas.tokens import (
    AgentToken,
    AgentTokenList,
    AgentTokenRequest,
    ByName,
    OperatorList,
    OperatorToken,
)
from aegisflow.domain.callers import Caller
from aegisflow.domain.credentials import Standing
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource

__all__ = ["TokenRoutes"]


class TokenRoutes:
    """One method for each endpoint over tokens."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def agents(self, which: Nothing, body: Nothing, by: Caller) -> AgentTokenList:
        """Return the agents that have or had a token."""
        return AgentTokenList(agents=[AgentToken.of(*one) for one in self._plant().agents()])

    @acting(ends.ADD_AGENT_TOKEN)
    def add(self, which: Nothing, body: AgentTokenRequest, by: Caller) -> AgentToken:
        """Make a token of an agent known."""
        return AgentToken.of(self._plant().add_agent(body.credential(), by), Standing.ACTIVE)

    @acting(ends.REVOKE_AGENT_TOKEN)
    def revoke(self, which: ByName, body: ReasonRequest, by: Caller) -> AgentToken:
        """End the token of an agent."""
        return AgentToken.of(self._plant().revoke_agent(which.name, by, body.reason), Standing.REVOKED)

    def operators(self, which: Nothing, body: Nothing, by: Caller) -> OperatorList:
        """Return the people who may come in."""
        people = self._plant().operators()
        return OperatorList(operators=[OperatorToken.of(name, *one) for name, one in people.items()])

    @acting(ends.REVOKE_OPERATOR)
    def revoke_operator(self, which: ByName, body: ReasonRequest, by: Caller) -> OperatorToken:
        """End the token of a person."""
        self._plant().revoke_operator(which.name, by, body.reason)
        return OperatorToken.of(which.name, *self._plant().operators()[which.name])
