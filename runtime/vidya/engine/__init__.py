"""Running one op, and recording how to go back."""
