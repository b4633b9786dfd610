"""Alarms after ISA-18.2: what they are, how they live, who is notified, and how many people get."""
