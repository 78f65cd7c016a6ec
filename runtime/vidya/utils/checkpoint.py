"""Recompute instead of remember: a part of the model whose intermediate values are not kept.

(Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from ..autograd.function import Function
from ..engine.autograd import grad
from ..engine.grad_modes import enable_grad, is_grad_enabled
from ..errors import AutogradError
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose intermediate values are computed again for backward.

    Gradients reach the tensors in args and every parameter that function uses. It must give the
    same results both times; random numbers repeat if preserve_rng_state. kwargs get no gradients.
    use_reentrant is PyTorch's and must be False.
    """
    if use_reentrant:
        raise ValueError("checkpoint: use_reentrant=True is not offered; leave it False")
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = get_rng_state()
    inputs = [a for a in args if isinstance(a, _core.TensorBase)]
    inside = [t.detach().requires_grad_(t.requires_grad) for t in inputs]
    result = function(*_replaced(args, inside), **kwargs)
    outputs: Any = result if isinstance(result, (tuple, list)) else (result,)
    if not all(isinstance(t, _core.TensorBase) for t in outputs):
        raise TypeError("checkpoint: the function must return a tensor or a tuple of tensors")
    known = {id(t) for t in inside}
    leaves = [t for t in _leaves(outputs) if id(t) not in known]
    plain = tuple(t.detach() for t in outputs)
    outputs = result = None

    def again(values: Sequence[Any]) -> tuple:
        now = get_rng_state()
        if preserve_rng_state:
            set_rng_state(state)
        with enable_grad():
            fresh = function(*_replaced(args, values), **kwargs)
        if preserve_rng_state:
            set_rng_state(now)
        return tuple(fresh) if isinstance(fresh, (tuple, list)) else (fresh,)

    out = _Recompute.apply(again, len(inputs), plain, *inputs, *leaves)
    return out if len(plain) > 1 else out[0]


def _replaced(args: Sequence[Any], tensors: Sequence[Any]) -> list:
    given = iter(tensors)
    return [next(given) if isinstance(a, _core.TensorBase) else a for a in args]


def _leaves(outputs: Sequence[Any]) -> list[Tensor]:
    """The leaves that the outputs were computed from."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    stack = [t.grad_fn if t.grad_fn is not None else t for t in outputs if t.requires_grad]
    while stack:
        item = stack.pop()
        if isinstance(item, _core.TensorBase):
            found[id(item)] = item  # type: ignore[assignment]
        elif id(item) not in seen:
            seen.add(id(item))
            stack += [edge[0] for edge in item.edges() if edge[0] is not None]
    return list(found.values())


class _Recompute(Function):
    @staticmethod
    def forward(ctx, again, count, plain, *tensors):
        ctx.again, ctx.count = again, count
        ctx.save_for_backward(*tensors)
        return plain

    @staticmethod
    def backward(ctx, *grads):
        tensors = ctx.saved_tensors
        inputs, leaves = tensors[: ctx.count], tensors[ctx.count :]
        fresh = [t.detach().requires_grad_(t.requires_grad) for t in inputs]
        outputs = ctx.again(fresh)
        if len(outputs) != len(grads):
            raise AutogradError(
                f"checkpoint: the function gave {len(grads)} results first, now {len(outputs)}"
            )
        pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
        wanted = [t for t in (*fresh, *leaves) if t.requires_grad]
        found = iter(grad([o for o, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True))
        return (None, None, None, *(next(found) if t.requires_grad else None for t in tensors))


def checkpoint_sequential(functions: Any, segments: int, input: Any, **kwargs: Any) -> Any:
    """The layers one after the other, in that many checkpointed segments."""
    layers = list(functions)
    if not 0 < segments <= max(len(layers), 1):
        raise ValueError(
            f"checkpoint_sequential: {len(layers)} layers do not make {segments} segments"
        )

    def run(part: Sequence[Any]) -> Callable[[Any], Any]:
        def called(x: Any) -> Any:
            for layer in part:
                x = layer(x)
            return x

        return called

    size = -(-len(layers) // segments)
    for at in range(0, len(layers), size):
        input = checkpoint(run(layers[at : at + size]), input, **kwargs)
    return input
