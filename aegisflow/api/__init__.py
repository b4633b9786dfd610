"""The shapes and texts that all edges share."""
