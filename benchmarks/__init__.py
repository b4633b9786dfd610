"""What AegisFlow costs, as ratios against floors measured in the same run; ``python -m benchmarks``."""
