"""Simulated machines, the reference dataset and its replay; checks the wire from the other side."""
