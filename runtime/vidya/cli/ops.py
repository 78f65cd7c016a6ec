"""`vidya ops`: which ops there are, and who computes them on each device."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from ..backends import registry
from ..engine import device as engine
from ..errors import ConfigError
from ..schema import PRIMITIVE, REGISTRY, OpDef
from .options import open_device
from .providers import DECOMPOSED, MISSING, NATIVE, NOT_TRIED, PLUGIN, Provider, providers

_STYLES = {NATIVE: "green", PLUGIN: "cyan", MISSING: "red", DECOMPOSED: "yellow"}


def ops(name: str | None, primitives: bool, device: str | None, as_markdown: bool = False) -> None:
    """Print the table, or what one op is; of one device, or of all that are ready."""
    if as_markdown:
        print(markdown([device] if device is not None else ["numpy", "openblas"]), end="")
        return
    devices = [device] if device is not None else _ready()
    if name is not None:
        explain(name, devices)
        return
    names = [n for n, d in REGISTRY.items() if d.kind == PRIMITIVE or not primitives]
    found = {}
    with Console(stderr=True).status("calling every op"):
        for each in devices:
            found[each] = providers(open_device(each))
    _print_table(sorted(names), found)


def _ready() -> list[str]:
    return [s.name for s in registry.states(engine.count) if s.status == registry.READY]


def _print_table(names: list[str], found: dict[str, dict[str, Provider]]) -> None:
    rows = [(REGISTRY[name], [_kind(found[d], name) for d in found]) for name in names]
    heads = ["op", "kind", "gradient", *found]
    if not sys.stdout.isatty():  # whole lines, which can be searched and cut
        widths = [max(map(len, names)), 9, 10, *(max(len(d), len(PLUGIN)) for d in found)]
        print("  ".join(f"{h:<{w}}" for h, w in zip(heads, widths, strict=True)).rstrip())
        for definition, who in rows:
            cells = [definition.name, definition.kind, _gradient(definition), *who]
            line = "  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True))
            print(f"{line}  {definition.doc.partition(chr(10))[0]}".rstrip())
        return
    table = Table(*heads, box=None, pad_edge=False)
    for definition, who in rows:
        painted = [f"[{_STYLES.get(w, 'default')}]{w}" for w in who]
        table.add_row(definition.name, definition.kind, _gradient(definition), *painted)
    Console().print(table)


def _kind(found: dict[str, Provider], name: str) -> str:
    return found[name].kind if name in found else NOT_TRIED


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
        who = " | ".join(_kind(found[d], definition.name) for d in devices)
        lines.append(
            f"| `{definition.name}` | {definition.kind} | {_gradient(definition)} | {who} |"
        )
    return _PAGE + "\n".join(lines) + "\n"


def _gradient(definition: OpDef) -> str:
    if not definition.differentiable:
        return "none"
    return "its own" if definition.pullback_function is not None else "decomposed"


# ---- one op ----


def explain(name: str, devices: list[str]) -> None:
    """Signature, documentation, rule, gradient, and who computes it on each device."""
    name = name.split(".")[-1]
    definition, function = REGISTRY.get(name), _function(name)
    if definition is None and function is None:
        close = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise ConfigError(f"unknown op {name!r}{hint} `vidya ops` lists all of them")
    found = {each: providers(open_device(each), name) for each in devices}
    if definition is not None:
        facts = {"kind": definition.kind, "gradient": _gradient(definition)}
        facts |= {d: str(found[d].get(name, NOT_TRIED)) for d in devices}
    else:
        facts = {"kind": "a function of ops", "gradient": "of its ops"}
        facts |= {d: _through(found[d]) for d in devices}
    body = function or definition.body  # type: ignore[union-attr]
    facts["defined in"] = f"{body.__module__}, line {body.__code__.co_firstlineno}"
    print(f"{name}{_signature(body)}\n\n{inspect.getdoc(body) or ''}\n")
    width = max(map(len, facts))
    for label, text in facts.items():
        print(f"{label:<{width}}  {text}")


def _function(name: str) -> Callable | None:
    """The public function of that name where it is not an op itself."""
    import vidya

    spaces = (vidya, vidya.nn.functional, vidya.linalg, vidya.fft, vidya.special, vidya.Tensor)
    for space in spaces:
        found = getattr(space, name, None)
        if inspect.isfunction(found):
            return inspect.unwrap(found)
    return None


def _through(found: dict[str, Provider]) -> str:
    ops = [f"{name} ({who.kind})" for name, who in found.items()]
    return ", ".join(ops) or NOT_TRIED


def _signature(function: Callable) -> str:
    """As it is written: annotations are strings, and would be printed as such."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
