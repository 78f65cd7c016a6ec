"""Nested lists, tuples and dicts: taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """(leaves, structure). The structure is hashable, so that it can be part of a key."""
    leaves: list[Any] = []

    def walk(node: Any) -> Any:
        if isinstance(node, (list, tuple)):
            return (type(node), tuple(walk(child) for child in node))
        if isinstance(node, dict):
            return (dict, tuple((key, walk(child)) for key, child in node.items()))
        leaves.append(node)
        return None

    return leaves, walk(tree)


def unflatten(structure: Any, leaves: list[Any]) -> Any:
    """The tree of that structure with these leaves."""
    rest: Iterator[Any] = iter(leaves)

    def build(node: Any) -> Any:
        if node is None:
            return next(rest)
        kind, children = node
        if kind is dict:
            return {key: build(child) for key, child in children}
        made = [build(child) for child in children]
        return kind(*made) if hasattr(kind, "_fields") else kind(made)

    return build(structure)
