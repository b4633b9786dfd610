"""What AegisFlow adds to pykka: names, bounded inboxes, a shared dispatcher, supervision."""
