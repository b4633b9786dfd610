"""What the detectors find, and what they cry wolf about; ``python -m benchmarks.detection``."""
