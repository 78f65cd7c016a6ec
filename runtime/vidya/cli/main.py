"""Running the command, and ending it well: what a user can mend is told in one line."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import typer

from ..errors import VidyaError

# typer brings its own click or uses the installed one, so its classes are reached through typer.
_ClickException: Any = typer.BadParameter.__mro__[2]


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 used wrongly, 130 interrupted."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run the command line; its exit status.  With VIDYA_DEBUG set, errors keep their traceback."""
    from .app import app

    warnings.showwarning = _one_line_warning
    try:
        status = app(args or sys.argv[1:] or ["--help"], standalone_mode=False)
    except typer.Exit as exit_:
        return exit_.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _say("interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe has seen enough: vidya ops | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _ClickException as error:
        _raise_if_debugging()
        return _say(error.format_message(), 2)
    except VidyaError as error:
        _raise_if_debugging()
        return _say(str(error), 1)
    except OSError as error:
        _raise_if_debugging()
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", 1)
    return status if isinstance(status, int) else 0


def _raise_if_debugging() -> None:
    if os.environ.get("VIDYA_DEBUG", "0") not in ("", "0"):
        raise


def _say(text: str, status: int) -> int:
    print(f"vidya: {' '.join(text.split())}", file=sys.stderr)
    return status


def _one_line_warning(message: Any, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}", 0)
