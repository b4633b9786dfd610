"""Machines that nobody described: detection without a plant file, beside simple rivals."""
