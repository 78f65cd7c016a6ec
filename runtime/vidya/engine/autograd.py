"""Going back: from recorded calls to gradients.

Each recorded call is a node that knows its op and what it saved. Backward visits nodes from the
newest to the oldest, so that a node's gradient is complete when its turn comes, and asks the op's
pullback, which is written with ops itself. Hence create_graph: gradients of gradients.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import _core, schema
from ..errors import AutogradError
from . import anomaly
from .pieces import Piece, joined, whole

if TYPE_CHECKING:
    from ..tensor import Tensor


def backward(
    tensors: Sequence[Tensor],
    grads: Sequence[Tensor | None],
    *,
    inputs: Sequence[Tensor] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[Tensor | None] | None:
    """Gradients of sum(tensors * grads): into the leaves' `.grad`, or returned for `inputs`."""
    run = _Backward(inputs, retain_graph or create_graph, create_graph)
    for tensor, grad in zip(tensors, grads, strict=True):
        run.start(tensor, grad)
    was = _core.set_grad_enabled(create_graph)
    try:
        run.walk()
    finally:
        _core.set_grad_enabled(was)
    return run.results()


class _Backward:
    def __init__(self, inputs: Sequence[Tensor] | None, retain: bool, create: bool) -> None:
        self.retain, self.create = retain, create
        self.pending: dict[int, tuple[Any, list[Any]]] = {}  # node -> gradients of its outputs
        self.queue: list[tuple[int, int]] = []  # (-sequence, id of node): the newest comes first
        self.leaves: dict[int, tuple[Tensor, Tensor]] = {}
        self.shared: set[int] = set()  # memory that a .grad must not take over
        self.inputs = inputs
        self.wanted: dict[tuple[int, int], int] = {}
        self.found: list[Tensor | None] = [None] * len(inputs or ())
        for i, t in enumerate(inputs or ()):
            if not t.requires_grad:
                raise AutogradError(f"grad: input {i} does not require grad")
            self.wanted[(id(t), -1) if t.grad_fn is None else (id(t.grad_fn), t._output_index)] = i

    def start(self, tensor: Tensor, grad: Tensor | None) -> None:
        if not tensor.requires_grad:
            raise AutogradError(
                "backward: this tensor has no history; was it made under no_grad(), detached, or "
                "from tensors without requires_grad?"
            )
        if grad is None:
            if tensor.numel() != 1:
                raise AutogradError(
                    f"backward: only a single number has an implicit gradient of 1; this tensor is "
                    f"{tuple(tensor.shape)}: call .sum() first or pass gradient="
                )
            grad = tensor.detach().new_full(tensor.shape, 1)
        elif grad.shape != tensor.shape:
            raise ValueError(
                f"backward: the gradient {tuple(grad.shape)} must have the tensor's shape "
                f"{tuple(tensor.shape)}"
            )
        else:
            self.shared.add(grad._storage_id)
        node = tensor.grad_fn
        self._give(tensor if node is None else node, tensor._output_index, grad)

    def _give(self, edge: Any, index: int, grad: Tensor) -> None:
        """Add a gradient to one output of a node, or to a leaf."""
        if isinstance(edge, _core.TensorBase):
            leaf: Any = edge
            known = self.leaves.get(id(leaf))
            self.leaves[id(edge)] = (leaf, grad if known is None else joined(known[1], grad))
            return
        entry = self.pending.get(id(edge))
        if entry is None:
            entry = (edge, [None] * len(edge.outputs))
            self.pending[id(edge)] = entry
            heapq.heappush(self.queue, (-edge.sequence, id(edge)))
        known = entry[1][index]
        entry[1][index] = grad if known is None else joined(known, grad)

    def walk(self) -> None:
        while self.queue:
            _, key = heapq.heappop(self.queue)
            node, parts = self.pending.pop(key)
            grads = [whole(g) for g in parts]
            if node.hooks:
                for index, hooks in node.hooks.items():
                    for hook in hooks.values():
                        if grads[index] is not None:
                            new = hook(grads[index])
                            grads[index] = grads[index] if new is None else new
            for index, grad in enumerate(grads):
                at = self.wanted.get((key, index))
                if at is not None and grad is not None:
                    self.found[at] = grad
            self._through(node, grads)
        for key, (leaf, grad) in self.leaves.items():
            self._arrive(key, leaf, whole(grad))

    def _through(self, node: Any, grads: list) -> None:
        """Ask the node's pullback and pass the results on."""
        definition = node.op.definition
        back = definition.pullback_function(node, *node.arguments())
        if anomaly.enabled:
            with anomaly.backward_of(node, grads) as found:
                result = back(*grads)
                result = tuple(map(whole, result if isinstance(result, tuple) else (result,)))
                found.append(result)
        else:
            result = back(*grads)
        if not self.retain:
            node.release()
        edges = node.edges()
        layout = node.layout()
        given = iter(result if isinstance(result, tuple) else (result,))
        at = 0
        for param, count in zip(definition.params, layout, strict=True):
            if param.kind == schema.ATTRIBUTE:
                continue
            grad = next(given, None)
            if count == -2:
                continue
            if count == -1:
                self._pass(definition, edges[at], grad)
                at += 1
            else:
                for part in grad or ():
                    self._pass(definition, edges[at], part)
                    at += 1

    def _pass(self, definition: Any, edge: tuple, grad: Tensor | None) -> None:
        target, index, shape, dtype = edge
        if target is None or grad is None:
            return
        if isinstance(grad, Piece):
            self._give(target, index, grad)
            return
        if grad.shape != shape:
            grad = grad.sum_to(shape)
        if grad.dtype is not dtype:
            grad = (grad.real if grad.dtype.is_complex and not dtype.is_complex else grad).to(dtype)
        self._give(target, index, grad)

    def _arrive(self, key: int, leaf: Tensor, grad: Tensor) -> None:
        for hook in (leaf._hooks or {}).values():
            new = hook(grad)
            grad = grad if new is None else new
        if self.inputs is not None:
            at = self.wanted.get((key, -1))
            if at is not None:
                self.found[at] = grad
            return
        trace = _core.current_trace()
        old = leaf.grad
        if trace is not None and old is not None and leaf._slot is None and old._slot is None:
            old.add_(grad)  # in place, so that a replay finds it where it was
            return
        if old is not None:
            leaf.grad = old + grad
            return
        if not self.create:  # a .grad is written in place later: it must not share memory
            if not grad.is_contiguous() or grad._storage_id in self.shared:
                grad = grad.clone()
            self.shared.add(grad._storage_id)
            if grad.requires_grad:
                grad = grad.detach()
        leaf.grad = grad

    def results(self) -> list[Tensor | None] | None:
        return self.found if self.inputs is not None else None


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of sum(outputs * grad_outputs) for `inputs`; no `.grad` is touched.

    With create_graph they can be differentiated again. An input that the outputs do not depend on
    raises AutogradError, or gives None with allow_unused.
    """
    outs = list(_as_sequence(outputs))
    ins = list(_as_sequence(inputs))
    given = [None] * len(outs) if grad_outputs is None else list(_as_sequence(grad_outputs))
    retain = create_graph if retain_graph is None else retain_graph
    found = backward(outs, given, inputs=ins, retain_graph=retain, create_graph=create_graph)
    assert found is not None
    if not allow_unused and any(g is None for g in found):
        unused = [i for i, g in enumerate(found) if g is None]
        raise AutogradError(
            f"grad: the outputs do not depend on inputs {unused}; allow_unused=True"
        )
    return tuple(found)


def _as_sequence(value: Any) -> Iterator[Any]:
    return iter((value,) if isinstance(value, _core.TensorBase) or value is None else value)


class Handle:
    """What a hook's registration returns; remove() undoes it."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        self._hooks.pop(self._key, None)


_next_hook = 0


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> Handle:
    """Call `hook(grad)` when the gradient of `tensor` is complete; its result replaces it."""
    global _next_hook
    if not tensor.requires_grad:
        raise AutogradError("register_hook: this tensor does not require grad")
    node = tensor.grad_fn
    if node is None:
        hooks = tensor._hooks or {}
        tensor._hooks = hooks
    else:
        table = node.hooks or {}
        node.hooks = table
        hooks = table.setdefault(tensor._output_index, {})
    _next_hook += 1
    hooks[_next_hook] = hook
    return Handle(hooks, _next_hook)
