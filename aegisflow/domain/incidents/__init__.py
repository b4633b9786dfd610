"""What was found out before, and which of it is like what happens now."""
