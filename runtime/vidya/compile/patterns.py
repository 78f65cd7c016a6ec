"""Recognising what is written out by hand: cheaper kernels for it, or one kernel for all of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from typing import Any

from ..engine.trace import PREFERRED, Node, Trace
from .passes import kernel_for, slots, writers
from .rules import FLOATS, POWERS, RULES, Found

_COMMUTE = ("add", "mul")
_PRODUCTS = ("matmul", "linear")  # of rows, however these are counted


def simplify(trace: Trace, outputs: list[Any]) -> int:
    """x * x and x ** 2 are a square, and so on; gives how many nodes changed."""
    changed = 0
    for node in trace.nodes:
        op, ins = _simpler(trace, node)
        if op == node.op:
            continue
        found = kernel_for(trace, op, ins, node.outputs, {})
        if found is not None:
            node.op, node.inputs, node.attrs = op, ins, {}
            node.kernel, node.caps = found
            changed += 1
    return changed


def _simpler(trace: Trace, node: Node) -> tuple[str, list[Any]]:
    ins = node.inputs
    if node.function or not node.outputs or node.outputs[0].dtype not in FLOATS:
        return node.op, ins
    if node.op == "mul" and _same(ins[0], ins[1]):
        return "square", ins[:1]
    if node.op == "pow" and ins[0]._slot >= 0 and ins[0].dtype is node.outputs[0].dtype:
        power = _number(trace, ins[1])
        if power in POWERS:
            return POWERS[power], ins[:1]
    return node.op, ins


def _number(trace: Trace, t: Any) -> float | None:
    """The value of a number that is known now."""
    if t is None or t._slot >= 0:
        return None
    kind, *rest = trace.scalars[-1 - t._slot]
    return rest[0] if kind == "constant" and isinstance(rest[0], (int, float)) else None


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return a._slot == b._slot and a._meta_key == b._meta_key and a._offset == b._offset


def patterns(trace: Trace, outputs: list[Any]) -> int:
    """Replace what a rule says by one kernel; gives how many nodes that saved."""
    before = len(trace.nodes)
    matcher = _Matcher(trace, outputs)
    for rule in RULES:
        tree = _parse(rule.pattern)
        for at in range(len(trace.nodes)):
            matcher.apply(at, rule, tree)
    trace.nodes[:] = [node for at, node in enumerate(trace.nodes) if at not in matcher.gone]
    return before - len(trace.nodes)


Tree = Any  # "x", "#n", "-", or (op, [trees])


def _parse(text: str) -> Tree:
    tokens = re.findall(r"[\w#-]+|[(),]", text)

    def expression(at: int) -> tuple[Tree, int]:
        name = tokens[at]
        if at + 1 == len(tokens) or tokens[at + 1] != "(":
            return name, at + 1
        args: list[Tree] = []
        at += 1
        while tokens[at] != ")":
            arg, at = expression(at + 1)
            args.append(arg)
        return (name, args), at + 1

    return expression(0)[0]


class _Matcher:
    """Trees against the nodes of a trace, from the result back to the inputs."""

    def __init__(self, trace: Trace, outputs: list[Any]) -> None:
        self.trace = trace
        self.pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds}
        self.many = writers(trace)
        self.gone: set[int] = set()
        self.made: dict[int, int] = {}
        self.used: dict[int, set[int]] = defaultdict(set)
        self.written: dict[int, list[int]] = defaultdict(list)
        for at, node in enumerate(trace.nodes):
            for s in slots(node.outputs):
                self.made[s] = at
                self.written[s].append(at)
            for s in slots(node.inputs):
                self.used[s].add(at)

    def apply(self, at: int, rule: Any, tree: Tree) -> None:
        node = self.trace.nodes[at]
        if at in self.gone or node.op != tree[0] or node.function or len(node.outputs) != 1:
            return
        out = node.outputs[0]
        if self.many[out._slot] != 1 or out._offset or not out.is_contiguous():
            return
        found: Found = {}
        inside: set[int] = set()
        if not self._node(at, tree, found, inside) or not self._closed(at, inside):
            return
        made = rule.build(found, out)
        if made is None:
            return
        kernel = kernel_for(self.trace, rule.op, made[0], [out], made[1])
        if kernel is None or not kernel[1] & PREFERRED:
            return
        self._replace(at, Node(rule.op, made[0], [out], made[1], *kernel), inside)

    def _node(self, at: int, tree: Tree, found: Found, inside: set[int]) -> bool:
        """Does node `at` have this form? Its operands may be tried in another order."""
        op, trees = tree
        node = self.trace.nodes[at]
        if node.op != op or len(node.inputs) != len(trees) or node.function:
            return False
        ways = [node.inputs, node.inputs[::-1]] if op in _COMMUTE else [node.inputs]
        for ins in ways:
            seen, members = dict(found), set(inside)
            if all(self._operand(t, sub, seen, members) for t, sub in zip(ins, trees, strict=True)):
                found.clear()
                found.update(seen)
                nodes = found.setdefault(op, [])
                found[op] = nodes if any(n is node for n in nodes) else [*nodes, node]
                inside.clear()
                inside.update(members | {at})
                return True
        return False

    def _operand(self, t: Any, tree: Tree, found: Found, inside: set[int]) -> bool:
        if tree == "-":
            return t is None
        if t is None:
            return False
        if isinstance(tree, str) and tree.startswith("#"):
            number = _number(self.trace, t)
            return number is not None and found.setdefault(tree[1:], number) == number
        if t._slot < 0:
            return False
        if isinstance(tree, str):
            return _same(found.setdefault(tree, t), t)
        at = self.made.get(t._slot)
        if at is None or at in self.gone or self.many[t._slot] != 1 or t._slot in self.pinned:
            return False
        value = self.trace.nodes[at].outputs[0]
        if not _whole(t, value) and not (tree[0] in _PRODUCTS and _folded(t, value)):
            return False
        return self._node(at, tree, found, inside)

    def _closed(self, at: int, inside: set[int]) -> bool:
        """Is what is inside used inside alone, and what is read not written meanwhile?"""
        for i in inside - {at}:
            if any(self.used[s] - inside for s in slots(self.trace.nodes[i].outputs)):
                return False
        for i in inside:
            for s in slots(self.trace.nodes[i].inputs):
                if bisect_right(self.written[s], at) != bisect_right(self.written[s], i):
                    return False
        return True

    def _replace(self, at: int, new: Node, inside: set[int]) -> None:
        nodes = self.trace.nodes
        new.parts = tuple(p for i in sorted(inside) for p in nodes[i].parts or (nodes[i].op,))
        for i in inside:
            for s in slots(nodes[i].inputs):
                self.used[s].discard(i)
        self.gone |= inside - {at}
        nodes[at] = new
        for s in slots(new.inputs):
            self.used[s].add(at)


def _whole(t: Any, value: Any) -> bool:
    """Is t all of the value in its own order, perhaps repeated along dims of 1?"""
    if t._offset != value._offset or t.dtype is not value.dtype or t.ndim != value.ndim:
        return False
    pairs = zip(t.shape, t.strides, value.shape, value.strides, strict=True)
    return all((n == m and (n == 1 or s == r)) or (m == 1 and s == 0) for n, s, m, r in pairs)


def _folded(t: Any, value: Any) -> bool:
    """Is t all of the rows of the value, numbered otherwise?"""
    return (
        t.is_contiguous()
        and value.is_contiguous()
        and t._offset == value._offset
        and t.dtype is value.dtype
        and t.ndim > 1
        and t.shape[-1] == value.shape[-1]
        and t.numel() == value.numel()
    )
