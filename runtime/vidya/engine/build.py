"""A finished trace as a plan: memory by liveness, operands by slot."""

from __future__ import annotations

from typing import Any

from .. import _core
from .arena import in_arena
from .trace import Trace

_MOST_WASTE = 1.25  # a free block serves a smaller value up to this ratio


def build(trace: Trace, out: Any, *, arena: bool = False) -> _core.Plan:
    """The plan that runs the trace and returns `out`: a symbolic tensor, a tuple, or None.

    With `arena` all memory that does not leave the plan is one block, laid out by liveness: for
    plans that are replayed and keep it.
    """
    returns_tuple = isinstance(out, tuple)
    outs = list(out) if returns_tuple else [] if out is None else [out]
    outs = [trace.materialize(t) if t._slot < 0 else t for t in outs]
    offsets: dict[int, int] = {}
    if arena:
        slots, blocks, offsets = in_arena(trace, outs)
    else:
        slots, blocks = _place(trace, outs)

    def operand(t: Any) -> tuple[int, Any, int] | None:
        if t is None:
            return None
        if t._slot < 0:
            return (t._slot, t, 0)
        return (slots[t._slot], t, offsets.get(t._slot, 0))

    steps = [
        (
            node.op,
            node.kernel,
            node.function,
            node.attrs or None,
            [operand(t) for t in node.inputs],
            [operand(t) for t in node.outputs],
        )
        for node in trace.nodes
    ]
    return _core.Plan(
        device=trace.device.core,
        inputs=trace.inputs,
        blocks=blocks,
        scalars=trace.scalars,
        steps=steps,
        outputs=[operand(t) for t in outs],
        mutated=sorted(trace.mutated),
        rebinds=[(position, slots[t._slot]) for position, t in trace.rebinds],
        returns_tuple=returns_tuple,
    )


def _place(trace: Trace, outs: list) -> tuple[dict[int, int], list[int]]:
    """Where each value lives: slot of the plan by value, and the size of each block."""
    slots = {t._slot: i for i, t in enumerate(trace.inputs)}
    last: dict[int, int] = {}
    for at, node in enumerate(trace.nodes):
        for t in (*node.inputs, *node.outputs):
            if t is not None and t._slot >= 0:
                last[t._slot] = at
    forever = len(trace.nodes)
    for t in (*outs, *(t for _, t in trace.rebinds)):
        last[t._slot] = forever
    reuse = trace.device.core.strided
    blocks: list[int] = []
    free: list[int] = []
    first_block = len(trace.inputs)
    held: dict[int, list[int]] = {}  # step -> blocks free after it
    for at, node in enumerate(trace.nodes):
        for t in node.outputs:
            if t._slot in slots:
                continue
            size = trace.sizes[t._slot]
            fit = [b for b in free if size <= blocks[b] <= max(size * _MOST_WASTE, 64)]
            if fit:
                block = min(fit, key=lambda b: blocks[b])
                free.remove(block)
            else:
                block = len(blocks)
                blocks.append(size)
            slots[t._slot] = first_block + block
            until = last[t._slot]
            # A Python step's result replaces its block's memory, so that block is not shared.
            if reuse and until < forever and node.function is None:
                held.setdefault(until, []).append(block)
        free += held.pop(at, [])
    for t in outs:  # values that no kernel writes: torch.empty's
        if t._slot not in slots:
            slots[t._slot] = first_block + len(blocks)
            blocks.append(trace.sizes[t._slot])
    return slots, blocks
