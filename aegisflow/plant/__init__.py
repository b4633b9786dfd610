"""What an edge may ask of a plant, and the one who answers."""
