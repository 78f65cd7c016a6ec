"""Metrics on file: one JSON object per line and step, there as soon as the step is done."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO


class MetricsFile:
    """Appends to a file when a run is resumed, else starts it anew."""

    def __init__(self, path: str | os.PathLike, append: bool = False) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = open(  # noqa: SIM115 - closed by close()
                self.path, "a" if append else "w", encoding="utf-8"
            )
        except OSError as error:
            raise self._about(error) from None

    def write(self, values: Mapping[str, Any]) -> None:
        """One line.  JSON knows no NaN: such a value is null."""
        clean = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        try:
            self._file.write(json.dumps(clean) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._about(error) from None

    def close(self) -> None:
        # After a failed write close() tries the same bytes again; write() has said it already.
        with contextlib.suppress(OSError):
            self._file.close()

    def _about(self, error: OSError) -> OSError:
        return OSError(error.errno, f"cannot write metrics: {error.strerror}", str(self.path))
