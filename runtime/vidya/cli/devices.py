"""`vidya devices` and `vidya doctor`: what this machine computes on, and whether it works."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..backends import registry
from ..backends.plugins import root_cause
from ..backends.registry import READY, State
from ..engine import device as engine

_STYLES = {READY: "green", registry.BROKEN: "red"}
_PACKAGES = ("vidya-runtime", "numpy", "ml_dtypes", "pluggy", "typer", "rich")


def devices() -> None:
    """One row per device, and one for each where the machine has several."""
    rows = [
        (f"{state.name}:{i}" if state.count > 1 else state.name, state.status, _about(state, i))
        for state in registry.states(engine.count)
        for i in range(max(1, state.count))
    ]
    if not sys.stdout.isatty():  # whole lines, which can be searched and cut
        for name, status, about in rows:
            print(f"{name:<12}{status:<15}{about}".rstrip())
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, status, about in rows:
        table.add_row(name, f"[{_STYLES.get(status, 'yellow')}]{status}", escape(about))
    Console().print(table)


def doctor() -> int:
    """Versions, then one small computation per device that is ready; 1 if anything is broken."""
    print(f"Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        print(f"{package} {_version(package)}")
    failed = False
    for state in registry.states(engine.count):
        if state.status == READY:
            verdict = _check(state.name)
            failed |= verdict != "ok"
            print(f"{state.name}: {verdict}")
        else:
            failed |= state.status == registry.BROKEN
            print(f"{state.name}: {state.status}{f' ({state.reason})' if state.reason else ''}")
    print("something is broken: see above" if failed else "all is well")
    return int(failed)


def _about(state: State, index: int) -> str:
    """The hardware, what shapes its speed, and the plugin; or why there is none."""
    if state.status != READY or state.plugin is None:
        return state.reason
    info = engine.device(f"{state.name}:{index}").info
    parts = [info["name"], info["detail"]]
    if info["threads"] and "thread" not in info["detail"]:
        parts.append(f"{info['threads']} thread{'s' if info['threads'] > 1 else ''}")
    if info["memory_bytes"]:
        parts.append(f"{info['memory_bytes'] / 2**30:.1f} GiB")
    parts.append(f"{state.plugin.distribution} {state.plugin.version}, ABI {info['abi']}")
    return ", ".join(part for part in parts if part)


def _check(name: str) -> str:
    """ "ok", or what is wrong with a product and its gradient on that device."""
    import vidya

    try:
        x = vidya.tensor([[1.0, 2.0], [3.0, 4.0]], device=name).requires_grad_()
        y = (x @ x).sum()
        y.backward()
        found: Any = (y.item(), x.grad.tolist())
    except Exception as error:  # whatever it is, it is what was asked for
        return f"cannot compute: {root_cause(error)}"
    wanted = (54.0, [[7.0, 11.0], [9.0, 13.0]])
    return "ok" if found == wanted else f"computes wrongly: {found} instead of {wanted}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
