"""`vidya devices` and `vidya doctor`: what this machine computes on, and whether it works."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from ..backends import registry
from ..backends.plugins import root_cause
from ..backends.registry import READY, State
from ..engine import device as engine

_STYLES = {READY: "green", registry.BROKEN: "red"}
_PACKAGES = ("vidya-runtime", "numpy", "ml_dtypes", "pluggy", "typer", "rich")


def devices() -> None:
    """A table with one row per device, or more where the machine has several."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("device", "state", "hardware", "plugin"):
        table.add_column(column, no_wrap=column in ("device", "state"), overflow="fold")
    for state in registry.states(engine.count):
        style = _STYLES.get(state.status, "yellow")
        status = f"[{style}]{state.status}[/{style}]"
        for index in range(max(1, state.count)):
            name = f"{state.name}:{index}" if state.count > 1 else state.name
            table.add_row(name, status, _hardware(state, index), _plugin(state))
    _print(table)


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


def _hardware(state: State, index: int) -> str:
    """Name, what shapes its speed, threads and memory; or why there is none."""
    if state.status != READY:
        return state.reason
    info = engine.device(f"{state.name}:{index}").info
    parts = [info["name"], info["detail"]]
    if info["threads"]:
        parts.append(f"{info['threads']} thread{'s' if info['threads'] > 1 else ''}")
    if info["memory_bytes"]:
        parts.append(f"{info['memory_bytes'] / 2**30:.1f} GiB")
    return ", ".join(part for part in parts if part)


def _plugin(state: State) -> str:
    plugin = state.plugin
    return f"{plugin.distribution} {plugin.version}" if plugin else ""


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


def _print(table: Table) -> None:
    """As wide as needed where nobody looks at a terminal, so that lines can be searched."""
    Console(width=None if sys.stdout.isatty() else 200).print(table)
