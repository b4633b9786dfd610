"""The HTTP edge: health, metrics, and the way in for operators."""
