"""One shape per noun: what HTTP sends, the command line parses, and MCP trims.

| module | nouns |
|---|---|
| ``alarms`` | alarms, in short and in detail; how many there are |
| ``audit`` | the story of a command |
| ``commands`` | commands, approvals, whether agents may propose |
| ``devices`` | devices and their sensors now |
| ``health`` | whether the plant is watched; what a reload changed |
| ``incidents`` | incident reports, and those that are like an alarm |
| ``journal`` | rows of the audit; the handover of shifts |
| ``trends`` | what sensors have shown over a period |
| ``base`` | what they have in common |

A ``Shape`` is made from its noun by ``of``. A ``Request`` is what somebody sends.
"""
