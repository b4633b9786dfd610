"""Sparkplug B: edge nodes announce themselves and their metrics, and say it when they go."""
