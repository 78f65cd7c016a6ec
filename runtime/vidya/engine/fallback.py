"""What happens when a device cannot run an op: the policy, and the detour over `numpy`."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core
from ..errors import UnsupportedError
from .device import device
from .trace import NoKernel, Trace, recording

POLICIES = ("error", "warn", "allow")
_policy: str | None = None
_counts: Counter[tuple[str, str, str]] = Counter()
_warned: set[tuple[str, str, str]] = set()


class FallbackWarning(UserWarning):
    """An op ran on another device than asked, over a copy to the host and back."""


def get_fallback() -> str:
    """The policy in force: "error", "warn" (the default) or "allow"."""
    if _policy is not None:
        return _policy
    told = os.environ.get("VIDYA_FALLBACK", "warn")
    if told not in POLICIES:
        raise ValueError(f"VIDYA_FALLBACK={told!r}: it is one of {', '.join(POLICIES)}")
    return told


def set_fallback(policy: str | None) -> None:
    """Set the policy; None: what VIDYA_FALLBACK says. Remembered plans are forgotten."""
    global _policy
    if policy is not None and policy not in POLICIES:
        raise ValueError(f"fallback policy {policy!r}: it is one of {', '.join(POLICIES)}")
    _policy = policy
    _core.clear_memos()


@contextmanager
def fallback_policy(policy: str) -> Iterator[None]:
    was = _policy
    set_fallback(policy)
    try:
        yield
    finally:
        set_fallback(was)


def fallback_counts() -> dict[tuple[str, str, str], int]:
    """How often (op, dtype, device) ran elsewhere since the start of the process."""
    return dict(_counts)


def run_elsewhere(
    trace: Trace,
    op: str,
    inputs: list,
    outputs: list,
    attrs: dict,
    elementwise: bool,
    error: NoKernel,
) -> list:
    """A Python step that computes the kernel on `numpy`; NoKernel if the policy forbids it."""
    policy = get_fallback()
    host = device("numpy")
    if policy == "error" or trace.device is host:
        raise error
    dtype = next((t.dtype.name for t in inputs if t is not None), outputs[0][1].name)
    key = (op, dtype, trace.device.type)
    target = trace.device

    def step(*tensors: Any) -> Any:
        _counts[key] += 1
        if policy == "warn" and key not in _warned:
            _warned.add(key)
            warnings.warn(
                f"{op} on {dtype} has no kernel on {target} ({error}); it runs on numpy, with a "
                "copy each way. VIDYA_FALLBACK=error forbids that, =allow silences this",
                FallbackWarning,
                stacklevel=3,
            )
        from .build import build  # here: build imports nothing of this, but both need Trace

        moved = [t if not isinstance(t, _core.TensorBase) else _move(t, host) for t in tensors]
        inner = Trace(host)
        numbers: list[Any] = []
        symbols: list[Any] = []
        for t in moved:
            if t is None:
                symbols.append(None)
            elif isinstance(t, _core.TensorBase):
                symbols.append(inner.input(t))
            else:
                symbols.append(inner.argument(len(numbers), t))
                numbers.append(t)
        with recording(inner):
            try:
                outs = inner.emit(op, symbols, outputs, attrs, elementwise=elementwise)
            except NoKernel as none:
                raise UnsupportedError(f"{op}: neither {target} nor {host} can: {none}") from None
            plan = build(inner, tuple(outs))
        results = plan([t for t in moved if isinstance(t, _core.TensorBase)], numbers)
        back = tuple(_move(t, target) for t in results)
        return back if len(back) > 1 else back[0]

    ins = [x if x is None or x._slot < 0 else trace.contiguous(x) for x in inputs]
    return trace.python_step(op, step, ins, outputs)


def _move(t: Any, to: device) -> Any:
    return _core.upload(to.core, _core.download(t), t.dtype)
