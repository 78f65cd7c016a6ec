"""Functions that a module calls around its forward and backward."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

_ids = itertools.count()


class RemovableHandle:
    """Answers every register_*_hook; `remove()`, or the end of a `with` block, takes it away."""

    def __init__(self, table: dict[int, Any], key: int) -> None:
        self._table, self._key = table, key

    def remove(self) -> None:
        self._table.pop(self._key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


class HookTable:
    """The hooks of one module, in the order in which they were registered."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Callable, bool]] = {}
        self.forward: dict[int, tuple[Callable, bool]] = {}
        self.backward: dict[int, tuple[Callable, bool]] = {}

    def add(self, kind: str, hook: Callable, with_kwargs: bool) -> RemovableHandle:
        table, key = getattr(self, kind), next(_ids)
        table[key] = (hook, with_kwargs)
        return RemovableHandle(table, key)


def call_with_hooks(module, hooks: HookTable, args: tuple, kwargs: dict) -> Any:
    """module.forward with everything that was registered around it."""
    for hook, with_kwargs in list(hooks.forward_pre.values()):
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    backward = _BackwardHooks(module, hooks) if hooks.backward else None
    if backward is not None:
        args = backward.watch_inputs(args)
    output = module.forward(*args, **kwargs)
    if backward is not None:
        output = backward.watch_outputs(output)
    for hook, with_kwargs in list(hooks.forward.values()):
        changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if changed is not None:
            output = changed
    return output
