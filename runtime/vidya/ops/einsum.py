"""einsum: sums of products by letters, two tensors at a time, each pair by matmul."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import dtypes
from .diagonal import diagonal
from .layout import permute, reshape
from .linalg import matmul
from .shape import movedim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["einsum"]


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products that an equation such as "bij,bjk->bik" names.

    A letter stands for a dim; one that the result lacks is summed over, one repeated in a tensor
    takes its diagonal. "..." stands for dims that broadcast. Without "->" the result has the
    letters that occur once, in alphabetical order. Also einsum(x, [0, 1], y, [1, 2], [0, 2]).
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if all(x.dtype is dtypes.bool_ for x in operands):  # whether any product is True
        return einsum(equation, *(x.long() for x in operands)) != 0
    terms, result = _parse(equation, operands)
    named = [_distinct(x, term) for x, term in zip(operands, terms, strict=True)]
    left, labels = _reduced(*named[0], {*result, *(c for _, t in named[1:] for c in t)})
    for i, (x, term) in enumerate(named[1:], 1):
        later = {*result, *(c for _, t in named[i + 1 :] for c in t)}
        right, names = _reduced(x, term, later | set(labels))
        left, labels = _pair(left, labels, right, names, later)
    left, labels = _reduced(left, labels, set(result))
    for c in result:
        if c not in labels:  # only where every size was 1
            left, labels = left.unsqueeze(0), [c, *labels]
    return permute(left, tuple(labels.index(c) for c in result))


_Labels = list[Any]


def _from_lists(args: tuple) -> tuple[str, tuple]:
    def word(labels: Any) -> str:
        return "".join(
            "..." if c is Ellipsis else chr(ord("A") + c if c < 26 else ord("a") + c - 26)
            for c in labels
        )

    n = len(args) // 2
    text = ",".join(word(args[2 * i + 1]) for i in range(n))
    return (f"{text}->{word(args[-1])}" if len(args) % 2 else text), args[: 2 * n : 2]


def _parse(equation: str, operands: tuple) -> tuple[list[_Labels], _Labels]:
    """Labels per operand and of the result; the dims of "..." are numbers, counted from the end."""
    text = equation.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    words = inputs.split(",")
    if len(words) != len(operands):
        raise ValueError(
            f"einsum: {equation!r} names {len(words)} tensors, {len(operands)} are given"
        )
    terms = []
    for i, (word, x) in enumerate(zip(words, operands, strict=True)):
        letters = word.replace("...", "", 1)
        if not all(c.isalpha() for c in letters):
            raise ValueError(
                f"einsum: {word!r} in {equation!r} may hold letters and one '...' only"
            )
        free = x.ndim - len(letters)
        if free < 0 or (free and "..." not in word):
            raise ValueError(
                f"einsum: {word!r} names {len(letters)} dims, tensor {i} has {x.ndim}: "
                f"{tuple(x.shape)}"
            )
        before = word.index("...") if "..." in word else len(letters)
        dots = list(range(free - 1, -1, -1))
        terms.append([*letters[:before], *dots, *letters[before:]])
    every = [c for term in terms for c in term]
    dots = sorted({c for c in every if isinstance(c, int)}, reverse=True)
    if arrow:
        letters = output.replace("...", "", 1)
        before = output.index("...") if "..." in output else len(letters)
        wrong = [c for c in letters if c not in every or letters.count(c) > 1]
        if wrong or not all(c.isalpha() for c in letters):
            raise ValueError(
                f"einsum: {output!r} in {equation!r}: every letter of the result must occur in a "
                "term, and in the result once"
            )
        return terms, [*letters[:before], *(dots if "..." in output else []), *letters[before:]]
    once = sorted(c for c in set(every) if isinstance(c, str) and every.count(c) == 1)
    return terms, [*dots, *once]


def _distinct(x: Tensor, labels: _Labels) -> tuple[Tensor, _Labels]:
    """Repeated labels as one dim: the diagonal."""
    labels = list(labels)
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            a = labels.index(c)
            b = labels.index(c, a + 1)
            if x.shape[a] != x.shape[b]:
                raise ValueError(f"einsum: the dims {c!r} have sizes {x.shape[a]} and {x.shape[b]}")
            x = movedim(diagonal(x, 0, a, b), -1, a)
            labels.pop(b)
    return x, labels


def _sum(x: Tensor, dims: Any) -> Tensor:
    """In x's own dtype; bools, which are beside other numbers here, are counted."""
    return x.sum(dims) if x.dtype is dtypes.bool_ else x.sum(dims, dtype=x.dtype)


def _reduced(x: Tensor, labels: _Labels, needed: set) -> tuple[Tensor, _Labels]:
    """Summed over the labels that nothing else needs."""
    dims = tuple(i for i, c in enumerate(labels) if c not in needed)
    return (_sum(x, dims) if dims else x), [c for c in labels if c in needed]


def _pair(a: Tensor, la: _Labels, b: Tensor, lb: _Labels, later: set) -> tuple[Tensor, _Labels]:
    """One matmul: labels of both that are needed later are its batch, the others are summed."""
    for c in [c for c in la if c in lb]:
        m, n = a.shape[la.index(c)], b.shape[lb.index(c)]
        if m != n and 1 not in (m, n):
            raise ValueError(f"einsum: the dims {c!r} have sizes {m} and {n}")
        if m != n and m == 1:  # a size of 1 broadcasts: that tensor does without the dim
            a, la = a.squeeze(la.index(c)), [k for k in la if k != c]
            if c not in later:
                b, lb = _sum(b, lb.index(c)), [k for k in lb if k != c]
        elif m != n:
            b, lb = b.squeeze(lb.index(c)), [k for k in lb if k != c]
            if c not in later:
                a, la = _sum(a, la.index(c)), [k for k in la if k != c]
    batch = [c for c in la if c in lb and c in later]
    summed = [c for c in la if c in lb and c not in later]
    own_a, own_b = [c for c in la if c not in lb], [c for c in lb if c not in la]

    def arranged(
        x: Tensor, labels: _Labels, groups: list[_Labels]
    ) -> tuple[Tensor, list[list[int]]]:
        order = [labels.index(c) for group in groups for c in group]
        return permute(x, tuple(order)), [[x.shape[labels.index(c)] for c in g] for g in groups]

    a, (lead, rows, inner) = arranged(a, la, [batch, own_a, summed])
    b, (_, _, columns) = arranged(b, lb, [batch, summed, own_b])
    sizes = [math.prod(s) for s in (lead, rows, inner, columns)]
    if not summed:  # an outer product
        out = reshape(a, (sizes[0], sizes[1], 1)) * reshape(b, (sizes[0], 1, sizes[3]))
    else:
        out = matmul(
            reshape(a, (sizes[0], sizes[1], sizes[2])), reshape(b, (sizes[0], sizes[2], sizes[3]))
        )
    return reshape(out, (*lead, *rows, *columns)), [*batch, *own_a, *own_b]
