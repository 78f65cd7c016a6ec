"""`python -m vidya_cmake` prints the directory for CMake's Vidya_ROOT."""

from pathlib import Path

print(Path(__file__).resolve().parent)
