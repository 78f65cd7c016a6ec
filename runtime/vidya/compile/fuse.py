"""Element-wise fusion: chains of small kernels become one `ewise` kernel with a program.

A group is a run of element-wise nodes of one shape, each using another's result. It is launched
where its last member stood, so it may only grow while nobody else needs what it makes, and while
nobody writes what it reads. Sums over trailing dims of what a group makes are taken along (a kernel
`ewise_sums`), where the device has that.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .. import dtypes
from ..engine.trace import Node, Trace
from .passes import kernel_for, slots, writers
from .program import EXPANDED, ROUND, SIMPLE, Program

_MOST_INPUTS, _MOST_OUTPUTS, _MOST_STEPS = 12, 4, 48
_MOST_HELD = 64 << 20  # bytes that a group may keep live while it waits for its next member
_FLOATS = (dtypes.float32, dtypes.bfloat16, dtypes.float16, dtypes.bool_)
_DOUBLES = (dtypes.float64, dtypes.bool_)


@dataclass
class Group:
    """Nodes that become one."""

    shape: tuple[int, ...]
    types: tuple[Any, ...]
    members: list[int] = field(default_factory=list)
    made: set[int] = field(default_factory=set)
    reads: set[int] = field(default_factory=set)

    def take(self, other: Group) -> None:
        """Become one with another group, which is empty then."""
        self.members = sorted(self.members + other.members)
        self.made |= other.made
        self.reads = (self.reads | other.reads) - self.made
        other.members, other.made, other.reads = [], set(), set()


def fuse(trace: Trace, outputs: list[Any]) -> int:
    """Replace groups of element-wise nodes by `ewise` kernels; gives how many nodes that saved."""
    if isinstance(trace.device.core.find("ewise", *_probe(trace)), str):
        return 0
    groups = _group(trace)
    pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds}
    used_by: dict[int, set[int]] = {}
    for i, node in enumerate(trace.nodes):
        for s in slots(node.inputs):
            used_by.setdefault(s, set()).add(i)
    replaced: dict[int, Node] = {}
    dropped: set[int] = set()
    many = writers(trace)
    for group in groups:
        sums = [i for i in _sums(trace, group, used_by, many) if i not in dropped]
        for ends in (sums, []) if sums else ([],):
            members = set(group.members) | set(ends)
            if len(members) < 2:
                continue
            leaving = [
                t
                for i in group.members
                for t in trace.nodes[i].outputs
                if t._slot in pinned or used_by.get(t._slot, set()) - members
            ]
            fused = _fused(trace, group, leaving, ends)
            if fused is not None:
                replaced[group.members[-1]] = fused
                dropped |= members
                break
    trace.nodes[:] = [
        replaced.get(i, node)
        for i, node in enumerate(trace.nodes)
        if i in replaced or i not in dropped
    ]
    return len(dropped) - len(replaced)


def _probe(trace: Trace) -> tuple[list[Any], list[Any], dict[str, Any]]:
    x, y = trace.new((4,), dtypes.float32), trace.new((4,), dtypes.float32)
    return [x], [y], {"program": "neg 0", "results": (1,)}


def _fusable(node: Node) -> tuple[Any, ...] | None:
    """The dtypes that the node's group may hold; None if it cannot be in one."""
    if node.function is not None or (node.op not in SIMPLE and node.op not in EXPANDED):
        return None
    if len(node.outputs) != 1 or not node.outputs[0].is_contiguous() or node.outputs[0]._offset:
        return None
    tensors = [t for t in (*node.inputs, *node.outputs) if t is not None and t._slot >= 0]
    if node.op == "cast" and node.inputs[0].dtype is node.outputs[0].dtype:
        return None
    for types in (_FLOATS, _DOUBLES):
        if all(t.dtype in types for t in tensors):
            return types
    return None


def _group(trace: Trace) -> list[Group]:
    many = writers(trace)
    open_: list[Group] = []
    done: list[Group] = []

    def close(group: Group) -> None:
        open_.remove(group)
        done.append(group)

    for i, node in enumerate(trace.nodes):
        ins, outs = set(slots(node.inputs)), set(slots(node.outputs))
        types = _fusable(node)
        if any(many[s] != 1 for s in outs):
            types = None
        home: Group | None = None
        if types is not None:
            shape = node.outputs[0].shape
            for group in reversed(open_):
                if group.shape != shape or group.types is not types or not group.made & ins:
                    continue
                if _fits(group, node) and not _holds(trace, group, i):
                    if home is None:
                        home = group
                    elif len(home.members) + len(group.members) < _MOST_STEPS // 3:
                        home.take(group)  # both end here, so they may as well be one
        open_ = [g for g in open_ if g.members]
        for group in [g for g in open_ if g is not home and (g.made & ins or g.reads & outs)]:
            close(group)
        if types is None:
            continue
        if home is None:
            home = Group(node.outputs[0].shape, types)
            open_.append(home)
        home.members.append(i)
        home.made |= outs
        home.reads |= ins - home.made
    for group in list(open_):
        close(group)
    return done


def _fits(group: Group, node: Node) -> bool:
    """May the node join? What it takes from the group it takes whole, and there is room."""
    for t in node.inputs:
        inside = t is not None and t._slot in group.made
        if inside and (t.shape != group.shape or not t.is_contiguous() or t._offset):
            return False
    reads = group.reads | (set(slots(node.inputs)) - group.made)
    return len(reads) <= _MOST_INPUTS - 4 and len(group.members) < _MOST_STEPS // 3


def _holds(trace: Trace, group: Group, at: int) -> bool:
    """Would what the group reads stay live for too long, being needed only when node `at` comes?

    Sums of large gradients that arrive one by one are better added one by one.
    """
    if group.members[-1] == at - 1:
        return False
    return sum(trace.sizes.get(s, 0) for s in group.reads) > _MOST_HELD


def _sums(
    trace: Trace, group: Group, used_by: dict[int, set[int]], many: Counter[int]
) -> list[int]:
    """Nodes that add up a value of the group over trailing dims, all over the same ones."""
    found: list[int] = []
    length = None
    for i in sorted({i for s in group.made for i in used_by.get(s, ())}):
        node = trace.nodes[i]
        if node.op != "sum" or node.function or many[node.outputs[0]._slot] != 1:
            continue
        x, out = node.inputs[0], node.outputs[0]
        whole = x.shape == group.shape and x.is_contiguous() and not x._offset
        dims = sorted(node.attrs["dims"])
        trailing = dims == list(range(x.ndim - len(dims), x.ndim)) and dims
        size = math.prod(x.shape[d] for d in dims)
        same = x.dtype is out.dtype and x.dtype in (dtypes.float32, dtypes.float64)
        if whole and trailing and same and x.numel() and length in (None, size) and not out._offset:
            length = size
            found.append(i)
    return found[:_MOST_OUTPUTS]


def _fused(trace: Trace, group: Group, leaving: list[Any], ends: list[int]) -> Node | None:
    """One kernel for a group, which gives what leaves it, and the sums that end it."""
    if not (leaving or ends) or len(leaving) > _MOST_OUTPUTS:
        return None
    program = Program(trace, group.types is _DOUBLES)
    made: dict[int, Any] = {}
    narrow: dict[int, Any] = {}  # results of casts, rounded as the cast asks

    def value(t: Any) -> Any:
        if t._slot not in made:
            return program.input(t)
        if t._slot in narrow and narrow[t._slot] is None:
            narrow[t._slot] = program.step(ROUND[t.dtype], made[t._slot])
        return narrow.get(t._slot, made[t._slot])

    for i in group.members:
        node = trace.nodes[i]
        args = [None if t is None else value(t) for t in node.inputs]
        if node.op == "cast" and node.outputs[0].dtype in ROUND:
            narrow[node.outputs[0]._slot] = None
        expand = EXPANDED.get(node.op)
        ref = expand(program, node, *args) if expand else program.step(node.op, *args)
        made[node.outputs[0]._slot] = ref
    if len(program.inputs) > _MOST_INPUTS or len(program.steps) > _MOST_STEPS:
        return None
    summed = [trace.nodes[i] for i in ends]
    results = [made[t._slot] for t in leaving] + [value(n.inputs[0]) for n in summed]
    outs = list(leaving) + [n.outputs[0] for n in summed]
    attrs: dict[str, Any] = {}
    op = "ewise_sums" if summed else "ewise"
    if summed:
        length = math.prod(group.shape) // max(outs[-1].numel(), 1)
        attrs = {"sums": len(summed), "length": length}
    attrs |= {"program": program.text(), "results": tuple(program.register(r) for r in results)}
    found = kernel_for(trace, op, program.inputs, outs, attrs)
    if found is None:
        return None
    node = Node(op, list(program.inputs), outs, attrs, *found)
    node.parts = tuple(trace.nodes[i].op for i in (*group.members, *ends))
    return node
