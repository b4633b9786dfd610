"""Alarms after ISA-18.2: what they are, their life, who is told of them and how many there are."""
