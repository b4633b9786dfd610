"""Thin shells round the pure core: match a message, call the core, tell the outcome."""
