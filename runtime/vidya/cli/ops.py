"""`vidya ops`: which ops there are, and who computes them on a device."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import ops as _ops  # noqa: F401  (their definitions fill the registry)
from ..engine import dispatch
from ..engine.fallback import fallback_policy
from ..engine.trace import Trace
from ..errors import ConfigError, UnsupportedError
from ..schema import PRIMITIVE, REGISTRY, VIEW, OpDef
from .op_calls import calls
from .options import open_device

NATIVE, PLUGIN, DECOMPOSED, VIEWED, MISSING = (
    *("native", "kernel plugin", "decomposed", "view", "missing"),
)


def ops(name: str | None, primitives: bool, device: str | None, as_markdown: bool = False) -> None:
    """Print the table, or the documentation of one op."""
    if as_markdown:
        print(markdown([device] if device is not None else ["numpy", "openblas"]), end="")
        return
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


_PAGE = """# Who computes what

Made by `vidya ops --markdown`: every op in float32. *native*: the device's own kernel.
*kernel plugin*: a Python kernel that a plugin registered. *decomposed*: other ops on the same
device, chains of element-wise ones as one kernel where it has `ewise`. *view*: nothing is computed.
*missing*: the fallback policy decides. What each op means to a kernel is in
[kernels.md](kernels.md). Gradients: the op's own, through its decomposition, or none.

"""


def markdown(devices: list[str]) -> str:
    """The table op x device as a page."""
    found = {name: providers(open_device(name)) for name in devices}
    lines = [
        f"| op | kind | gradient | {' | '.join(devices)} |",
        "|---|---|---|" + "---|" * len(devices),
    ]
    for definition in sorted(REGISTRY.values(), key=lambda d: d.name):
        who = " | ".join(found[d].get(definition.name, "not tried") for d in devices)
        lines.append(
            f"| `{definition.name}` | {definition.kind} | {_gradient(definition)} | {who} |"
        )
    return _PAGE + "\n".join(lines) + "\n"


def _gradient(definition: OpDef) -> str:
    if not definition.differentiable:
        return "none"
    return "its own" if definition.pullback_function is not None else "decomposed"


def explain(definition: OpDef, provider: str | None) -> None:
    """Signature, documentation, kind and gradient of one op."""
    signature = str(definition.signature).replace("'", "")
    print(f"{definition.name}{signature}\n\n{definition.doc}\n")
    print(f"kind: {definition.kind}")
    gradient = _gradient(definition)
    print(f"gradient: {'through its decomposition' if gradient == 'decomposed' else gradient}")
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
        for name, run in calls(device).items():
            try:
                run()
            except UnsupportedError:
                found.setdefault(name.split(".")[-1], MISSING)
    return found


def _provider(definition: OpDef, trace: Trace) -> str:
    own = [node for node in trace.nodes if node.op == definition.name]
    if any(node.function is not None for node in own):
        return PLUGIN
    if own:
        return NATIVE
    if not trace.nodes or definition.kind == VIEW:
        return VIEWED
    return DECOMPOSED


@contextmanager
def _observing(observe: Callable[[OpDef, Trace], None]) -> Iterator[None]:
    dispatch.observers.append(observe)
    try:
        yield
    finally:
        dispatch.observers.remove(observe)
