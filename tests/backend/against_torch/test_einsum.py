"""einsum: repeated letters, an ellipsis, sizes of 1 that stretch, nothing at all, sublists."""

from __future__ import annotations

from typing import Any

from .compare import check
from .draw import Call, Draw, Pair


def summed(lib: Any, *args: Any) -> Any:
    """PyTorch's integers become int64 where a sum is taken before a product, and else do not."""
    out = lib.einsum(*args)
    return out if out.is_floating_point() or out.is_complex() else out.long()


def einsum(draw: Draw) -> Call:
    sizes = {letter: draw.one(1, 2, 3, 3, *((0,) if draw.maybe(0.1) else ())) for letter in "abcdA"}
    batch = tuple(draw.one(1, 2, 3) for _ in range(draw.rng.randint(0, 2)))
    kind = draw.one("float64", "float64", "float32", "complex128", "int64", "int32")
    terms: list[str] = []
    operands: list[Pair] = []
    for _ in range(draw.one(1, 2, 2, 3)):
        letters = [draw.one(*sizes) for _ in range(draw.rng.randint(0, 3))]
        stretched = {a: 1 if draw.maybe(0.1) else sizes[a] for a in letters}
        shape = [stretched[a] for a in letters]
        dots = draw.maybe(0.3)
        if dots:
            at = draw.rng.randint(0, len(letters))
            lead = batch[draw.rng.randint(0, len(batch)) :]
            shape[at:at] = [1 if draw.maybe(0.15) else s for s in lead]
            letters.insert(at, "...")
        terms.append("".join(letters))
        operands.append(draw.pair(kind, shape, hard=False))
    equation = draw.one(",", " , ").join(terms)
    if draw.maybe(0.7):
        seen = sorted({a for a in equation if a.isalpha()})
        kept = draw.rng.sample(seen, draw.rng.randint(0, len(seen)))
        if "..." in equation and draw.maybe(0.9):
            kept.insert(draw.rng.randint(0, len(kept)), "...")
        equation += "->" + "".join(kept)
    smooth = kind in ("float64", "complex128")
    return Call(summed, [equation, *operands], gradient=smooth, loose=10)


def sublists(draw: Draw) -> Call:
    """The other spelling: each operand with a list of numbers."""
    call = einsum(draw)
    while "..." in call.args[0] or "->" not in call.args[0]:
        call = einsum(draw)
    inputs, output = call.args[0].replace(" ", "").split("->")
    args: list[object] = []
    for term, operand in zip(inputs.split(","), call.args[1:], strict=True):
        args += [operand, [ord(a) - ord("A") for a in term]]
    if all(0 <= n < 52 for term in args[1::2] for n in term):
        args.append([ord(a) - ord("A") for a in output])
    return Call(summed, args, gradient=call.gradient, loose=10)


def test_einsum(draw):
    check(draw, einsum)


def test_sublists(draw):
    check(draw, sublists)
