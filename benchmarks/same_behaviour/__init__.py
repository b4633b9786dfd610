"""Whether two checkouts behave the same; ``python -m benchmarks.same_behaviour OLD NEW``."""
