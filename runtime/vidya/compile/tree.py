"""Nested lists, tuples and dicts: taken apart into leaves and put together again.

(Recursion by module functions, not closures: a closure that calls itself is a reference cycle,
and would keep the leaves' memory until the garbage collector comes.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """(leaves, structure). The structure is hashable, so that it can be part of a key."""
    leaves: list[Any] = []
    return leaves, _collect(tree, leaves)


def _collect(node: Any, leaves: list[Any]) -> Any:
    kind = type(node)
    if kind is tuple or kind is list or isinstance(node, (list, tuple)):
        return (kind, tuple([_collect(child, leaves) for child in node]))
    if isinstance(node, dict):
        return (dict, tuple([(key, _collect(child, leaves)) for key, child in node.items()]))
    leaves.append(node)
    return None


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """The tree of that structure with these leaves."""
    return leaves[0] if structure is None else _build(structure, iter(leaves))


def _build(node: Any, leaves: Iterator[Any]) -> Any:
    if node is None:
        return next(leaves)
    kind, children = node
    if kind is dict:
        return {key: _build(child, leaves) for key, child in children}
    made = [_build(child, leaves) for child in children]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)
