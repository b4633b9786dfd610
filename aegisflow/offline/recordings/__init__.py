"""Recorded files of readings, read as they are."""
