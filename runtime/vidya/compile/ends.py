"""What stands behind results of a compiled function: no history, and a word that says so."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..errors import AutogradError


class End:
    """Has the face of a `_core.Node`; going back through it is an error."""

    name = "compiled"
    params: tuple = ()
    hooks: dict | None = None

    def __init__(self, results: int) -> None:
        self.outputs = (None,) * results
        self.op, self.definition = self, self
        self.sequence = _core.next_sequence()

    def arguments(self) -> tuple:
        return ()

    def pullback_function(self, *_: Any) -> Any:
        raise AutogradError(
            "backward: a compiled function ends the history of its results; call backward() inside "
            "of it, or give its results detached where they are to count as constants"
        )

    def edges(self) -> list:
        return []

    def layout(self) -> list:
        return []

    def saved(self) -> list:
        return []

    def release(self) -> None:
        pass

    def __repr__(self) -> str:
        return "<compiled>"


def lost(symbol: Any) -> bool:
    """Would eager code still be able to go back from this result?"""
    node = symbol.grad_fn
    return symbol.requires_grad and (node is None or not node.released)
