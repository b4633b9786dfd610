"""The MCP server: its tools parse what is asked, ask the plant once, and trim the answer for an agent."""
