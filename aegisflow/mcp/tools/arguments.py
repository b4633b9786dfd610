"""The arguments that several tools share, with what an agent must know about them."""

from typing import Annotated, Literal

from pydantic import Field

DeviceId = Annotated[str, Field(max_length=100, description="e.g. pump-02; see aegisflow://plant")]
Start = Annotated[str | None, Field(max_length=40, description="ISO 8601, UTC if no offset")]
End = Annotated[str | None, Field(max_length=40, description="ISO 8601; default now")]
Last = Annotated[str | None, Field(max_length=40, description="e.g. 24h, 7d, up to end; not with start")]
Cursor = Annotated[str | None, Field(max_length=400, description="next_cursor, all else unchanged")]
SeverityName = Literal["low", "medium", "high", "critical"]
MinSeverity = Annotated[SeverityName | None, Field(description="this or worse")]
FaultType = Annotated[
    str, Field(pattern="^[a-z][a-z0-9_]{0,39}$", description="e.g. bearing_failure, as alarms name it")
]
AnyFaultType = Annotated[str, Field(max_length=60, description="e.g. bearing_failure, as alarms name it")]
"""For a tool that knows which there are, and names them where it refuses another one."""
AlarmId = Annotated[str, Field(max_length=150, description="as the alarm tools name it")]
