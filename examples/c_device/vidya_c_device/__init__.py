"""The plugin: it says where the library is. All else is in c_device.c."""

from pathlib import Path

import vidya


@vidya.hookimpl
def vidya_backend() -> Path:
    return next(Path(__file__).parent.glob("libc_device.*"))
