"""Text files of one document per line."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a UTF-8 file, stripped, without the empty ones.

    DataError if the file is missing, not UTF-8 (says where), or has no line with anything in it.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no data file {path}; check the path given to --data") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a directory; --data wants a text file") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    if not raw:
        raise DataError(f"{path} is empty; give a text file with one document per line")
    try:
        text = raw.decode("utf-8-sig")  # the mark that some editors put first is no letter
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not UTF-8: byte 0x{raw[error.start]:02x} in line {line}; "
            f"convert it, e.g. iconv -f latin1 -t utf-8 {path.name}"
        ) from None
    lines = [stripped for line in text.split("\n") if (stripped := line.strip())]
    if not lines:
        raise DataError(f"{path} has only blank lines; give one document per line")
    return lines
