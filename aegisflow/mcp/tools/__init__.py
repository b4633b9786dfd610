"""The nine tools: each parses its arguments, asks the plant once, and has the answer trimmed."""

from fastmcp import FastMCP

from aegisflow.mcp.gate import Gate
from aegisflow.mcp.shared import SharedAnswers
from aegisflow.mcp.toolbox import ACTS, NOTES, NOTES_ONCE, READS, add_tool
from aegisflow.mcp.tools.alarms import AlarmTools
from aegisflow.mcp.tools.commands import CommandTools
from aegisflow.mcp.tools.incidents import IncidentTools
from aegisflow.mcp.tools.knowledge import KnowledgeTools
from aegisflow.mcp.tools.readings import ReadingTools
from aegisflow.plant.protocol import PlantSource

__all__ = ["add_tools"]


def add_tools(server: FastMCP, plant: PlantSource, gate: Gate, shared: SharedAnswers | None = None) -> None:
    """Put all tools on ``server``, each behind the gate."""
    readings, alarms = ReadingTools(plant), AlarmTools(plant)
    knowledge, incidents, commands = KnowledgeTools(plant), IncidentTools(plant), CommandTools(plant)
    add_tool(server, gate, readings.get_sensor_stream, READS, shared)
    add_tool(server, gate, readings.get_device_status, READS, shared, is_present=True)
    add_tool(server, gate, alarms.get_active_anomalies, READS, shared, is_present=True)
    add_tool(server, gate, alarms.get_anomaly_history, READS, shared)
    add_tool(server, gate, knowledge.query_device_manual, READS, shared)
    add_tool(server, gate, incidents.get_incident_reports, READS, shared)
    add_tool(server, gate, commands.execute_device_command, ACTS, shared)
    add_tool(server, gate, alarms.acknowledge_anomaly, NOTES_ONCE, shared)
    add_tool(server, gate, incidents.log_incident_report, NOTES, shared)
