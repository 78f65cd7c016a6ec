"""`vidya ops`: which ops there are, and who computes them on a device."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from .. import ops as _ops  # noqa: F401  (their definitions fill the registry)
from ..dtypes import float32
from ..engine import dispatch
from ..engine.fallback import fallback_policy
from ..engine.trace import Trace
from ..errors import ConfigError, UnsupportedError
from ..schema import PRIMITIVE, REGISTRY, VIEW, OpDef
from .options import open_device

NATIVE, PLUGIN, HOST, DECOMPOSED, VIEWED, MISSING = (
    *("native", "kernel plugin", "by NumPy", "decomposed", "view", "missing"),
)


def ops(name: str | None, primitives: bool, device: str | None) -> None:
    """Print the table, or the documentation of one op."""
    if name is not None and name not in REGISTRY:
        close = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise ConfigError(f"unknown op {name!r}{hint} `vidya ops` lists all of them")
    found = providers(open_device(device)) if device is not None else {}
    if name is not None:
        explain(REGISTRY[name], found.get(name))
        return
    shown = [d for d in REGISTRY.values() if d.kind == PRIMITIVE or not primitives]
    width = max(len(d.name) for d in shown)
    for definition in sorted(shown, key=lambda d: d.name):
        who = f"{found.get(definition.name, 'not tried'):<14}" if device is not None else ""
        summary = definition.doc.partition("\n")[0]
        print(f"{definition.name:<{width}}  {definition.kind:<9}  {who}{summary}".rstrip())


def explain(definition: OpDef, provider: str | None) -> None:
    """Signature, documentation, kind and gradient of one op."""
    signature = str(definition.signature).replace("'", "")
    print(f"{definition.name}{signature}\n\n{definition.doc}\n")
    print(f"kind: {definition.kind}")
    if not definition.differentiable:
        print("gradient: none")
    elif definition.pullback_function is not None:
        print("gradient: its own")
    else:
        print("gradient: through its decomposition")
    if provider is not None:
        print(f"on this device: {provider}")


def providers(device: Any) -> dict[str, str]:
    """Who computes each op on the device, found by running the samples of the test cases.

    They run in float32 with their gradients, and with the fallback policy `error`.
    """
    found: dict[str, str] = {}

    def observe(definition: OpDef, trace: Trace) -> None:
        found.setdefault(definition.name, _provider(definition, trace))

    with fallback_policy("error"), _observing(observe):
        for name, run in _calls(device).items():
            try:
                run()
            except UnsupportedError:
                found.setdefault(name.split(".")[-1], MISSING)
    return found


def _calls(device: Any) -> dict[str, Callable[[], Any]]:
    """Something to run for each op: the test cases, and what has no oracle."""
    import vidya
    from vidya.optim import SGD, AdamW
    from vidya.testing.cases import CASES

    def train(optimizer: type, **settings: float) -> None:
        weight = vidya.ones(4, device=device, requires_grad=True)
        weight.grad = vidya.ones(4, device=device)
        optimizer([weight], **settings).step()

    calls: dict[str, Callable[[], Any]] = {
        name: partial(_run, c, device) for name, c in CASES.items()
    }
    return calls | {
        "empty": lambda: vidya.empty(4, device=device),
        "uniform": lambda: vidya.rand(4, device=device),
        "normal": lambda: vidya.randn(4, device=device),
        "random_bits": lambda: vidya.randint(9, size=4, device=device),
        "adamw_step_": lambda: train(AdamW),
        "sgd_step_": lambda: train(SGD, momentum=0.9),
    }


def _provider(definition: OpDef, trace: Trace) -> str:
    own = [node for node in trace.nodes if node.op == definition.name]
    if any(node.function is not None for node in own):  # HOST: on the device's own memory
        return PLUGIN if definition.name in trace.device.kernels.python else HOST
    if own:
        return NATIVE
    if not trace.nodes or definition.kind == VIEW:
        return VIEWED
    return DECOMPOSED


def _run(case: Any, device: Any) -> None:
    """The first sample of a case, forward and, where it has one, backward."""
    import vidya
    from vidya.testing.case import tree_map
    from vidya.testing.checks import samples_of

    kind = float32 if float32 in case.dtypes() else case.dtypes()[0]
    sample = samples_of(case, kind)[0]

    def place(array: np.ndarray) -> Any:
        tensor = vidya.tensor(array, device=device)
        wanted = case.grad and sample.grad and tensor.dtype.is_floating_point
        return tensor.requires_grad_() if wanted else tensor

    args, kwargs = tree_map(place, sample.args), tree_map(place, sample.kwargs)
    with vidya.no_grad():  # what is differentiated through its body is one call here
        case.function()(*args, **kwargs)
    result = case.function()(*args, **kwargs)
    for part in result if isinstance(result, tuple) else (result,):
        if part.requires_grad:
            part.sum().backward(retain_graph=True)


@contextmanager
def _observing(observe: Callable[[OpDef, Trace], None]) -> Iterator[None]:
    dispatch.observers.append(observe)
    try:
        yield
    finally:
        dispatch.observers.remove(observe)
