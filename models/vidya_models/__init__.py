"""Models for the vidya runtime; each is found by its entry point in group `vidya.models`."""
