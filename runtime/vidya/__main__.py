"""`python -m vidya` is the command `vidya`."""

from vidya.cli import main

main()
