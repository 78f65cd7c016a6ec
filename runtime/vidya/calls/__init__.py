"""How functions are called: other names of arguments, out=, and what was wrong with a call."""
