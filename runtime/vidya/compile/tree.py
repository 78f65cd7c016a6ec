"""Nested lists, tuples, dicts and dataclasses: taken apart into leaves and put together again.

(Recursion by module functions, not closures: a closure that calls itself is a reference cycle,
and would keep the leaves' memory until the garbage collector comes.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from .. import _core


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """(leaves, structure). The structure is hashable, so that it can be part of a key.

    A dataclass is taken apart if there is a tensor in it; others stay whole, as settings do.
    """
    leaves: list[Any] = []
    return leaves, _collect(tree, leaves)


def _collect(node: Any, leaves: list[Any]) -> Any:
    kind = type(node)
    if kind is tuple or kind is list or isinstance(node, (list, tuple)):
        return (kind, tuple([_collect(child, leaves) for child in node]))
    if isinstance(node, dict):
        named = tuple([(key, _collect(child, leaves)) for key, child in node.items()])
        return (OrderedDict if isinstance(node, OrderedDict) else dict, named)
    if hasattr(kind, "__dataclass_fields__"):
        inside: list[Any] = []
        structure = (kind, _collect(vars(node), inside)[1]) if hasattr(node, "__dict__") else None
        if any(isinstance(leaf, _core.TensorBase) for leaf in inside):
            leaves += inside
            return structure
    leaves.append(node)
    return None


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """The tree of that structure with these leaves."""
    return leaves[0] if structure is None else _build(structure, iter(leaves))


def _build(node: Any, leaves: Iterator[Any]) -> Any:
    if node is None:
        return next(leaves)
    kind, children = node
    if kind is dict or kind is OrderedDict:
        return kind((key, _build(child, leaves)) for key, child in children)
    if hasattr(kind, "__dataclass_fields__"):
        made = object.__new__(kind)
        vars(made).update((key, _build(child, leaves)) for key, child in children)
        return made
    made = [_build(child, leaves) for child in children]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)
