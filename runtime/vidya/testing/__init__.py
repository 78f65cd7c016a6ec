"""What we test with, for whoever writes ops, models or a device plugin.

`gradcheck` and `gradgradcheck` check a function's gradients; `assert_close` compares numbers;
`cases` holds one row per op; `fakes` are devices that catch a runtime's mistakes.  The conformance
suite runs every row on a device:

    pytest --pyargs vidya.testing --device NAME
"""

from __future__ import annotations

from .compare import assert_close
from .gradcheck import gradcheck, gradgradcheck

__all__ = ["assert_close", "gradcheck", "gradgradcheck"]
