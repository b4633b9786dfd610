"""The arguments that several tools share, with what an agent must know about them."""

from typing import Annotated, Literal

from pydantic import Field

DeviceId = Annotated[str, Field(max_length=100, description="e.g. pump-02")]
Start = Annotated[str | None, Field(max_length=40)]
End = Annotated[str | None, Field(max_length=40)]
Last = Annotated[str | None, Field(max_length=40, description="e.g. 24h; not with start")]
Cursor = Annotated[str | None, Field(max_length=400)]
SeverityName = Literal["low", "medium", "high", "critical"]
MinSeverity = SeverityName | None
FaultType = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$", description="e.g. bearing_failure")]
AnyFaultType = Annotated[str, Field(max_length=60, description="e.g. bearing_failure")]
"""For a tool that knows which there are, and names them where it refuses another one."""
AlarmId = Annotated[str, Field(max_length=150)]
