"""The MCP server: parse, one question to the plant, shape the answer."""
