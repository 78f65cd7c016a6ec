"""What a compiled function was made of."""

from __future__ import annotations

import vidya


def counts(function, *args, passes=None):
    """(kernels that are no mere `fill`, what the passes saved)"""
    compiled = vidya.compile(function, passes=passes)
    compiled(*args)
    (entry,) = compiled.entries.values()
    return sum(node.op != "fill" for node in entry.capture.nodes), entry.saved
