"""vidya.compile: a function that is traced once per kind of arguments and replayed from then on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core, dtypes
from ..engine import debug
from ..engine.trace import NoKernel, recording
from ..errors import TraceError, UnsupportedError
from .capture import Capture
from .entry import Entry, make_entry
from .explain import explain, summary
from .graphviz import graphs
from .origin import device_of, located
from .page import page
from .pipeline import PASSES
from .plans import Plans
from .profile import Profile
from .tree import flatten, unflatten


def compile(
    function: Callable | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    passes: Sequence[str] | None = None,
    less_memory: bool | None = None,
    pack_weights: bool = False,
) -> Any:
    """A faster `function`: traced once per shapes and dtypes, then replayed as one plan.

    The function may read and write tensors that it did not get as arguments (parameters, caches),
    call backward() and step an optimizer. Python numbers among its arguments may differ from call
    to call; those at `static_argnums`, bools and strings are fixed per plan. What depends on the
    values of tensors in Python (`if x > 0`, .item(), print) raises TraceError with file and line.

    passes: names of the graph passes to run (default: all); () switches them off.
    less_memory: compute cheap values again instead of keeping them. None: where a plan would take
    more than a thirtieth of the device's memory.
    pack_weights: keep a copy of the weights of an inference plan in the order in which products
    read them. It takes the memory of those weights once more, for all plans together, and saves
    the time of packing them at every run: most of it where rows are 16 to 100.
    """
    if function is None:
        return lambda f: compile(
            f, static_argnums=static_argnums, passes=passes, less_memory=less_memory,
            pack_weights=pack_weights,
        )  # fmt: skip
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    chosen = list(PASSES) if passes is None else list(passes)
    if unknown := set(chosen) - set(PASSES):
        raise ValueError(f"unknown pass {sorted(unknown)[0]!r}; passes: {', '.join(PASSES)}")
    return Compiled(function, frozenset(static), chosen, less_memory, pack_weights)


class Compiled:
    """What `vidya.compile` gives: call it as the function itself."""

    def __init__(
        self,
        function: Callable,
        static: frozenset[int],
        passes: list[str],
        less_memory: bool | None = None,
        pack_weights: bool = False,
    ) -> None:
        self.function = function
        self.static = static
        self.passes = passes
        self.less_memory = less_memory
        self.pack_weights = pack_weights
        self.entries = Plans()
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", "compiled")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tensors, numbers, entry = self._entry(args, kwargs)
        return self._run(entry, tensors, numbers)

    def _run(self, entry: Entry, tensors: list, numbers: list) -> Any:
        numbers = numbers + _ask(entry.capture)
        if entry.replay is not None:
            results = entry.replay(entry.inputs(tensors), numbers)
        else:
            results = entry.plan(entry.inputs(tensors) + entry.capture.captured, numbers)
        if entry.argument_grads:
            leaves = [t for t in tensors if _wants_grad(t)]
            for i, output in entry.argument_grads:
                leaves[i].grad = None if output is None else results[output]
        return self._finish(entry, results)

    def loop(self, n: int, *args: Any, stacked: int | Sequence[int] = ()) -> Any:
        """Call the function n times in one go, without Python in between.

        The arguments at `stacked` hold n values along their first dim, of which run i gets the
        i-th; the others are the same for all runs. Results are stacked the same way.
        """
        if n < 1:
            raise ValueError(f"loop: n must be at least 1, got {n}")
        axes = {stacked} if isinstance(stacked, int) else set(stacked)
        for i in axes:
            if args[i].shape[:1] != (n,):
                raise ValueError(
                    f"loop: stacked argument {i} is {tuple(args[i].shape)}, not [{n}, ...]"
                )
        first = [a[0] if i in axes else a for i, a in enumerate(args)]
        tensors, numbers, entry = self._entry(tuple(first), {})
        if entry.replay is None or any(not isinstance(args[i], _core.TensorBase) for i in axes):
            raise TraceError(f"loop: {entry.capture.device} cannot replay this plan without Python")
        flags, real, at = [], [], 0
        for i, arg in enumerate(args):
            leaves, _ = flatten(arg)
            for leaf in leaves:
                if isinstance(leaf, _core.TensorBase):
                    flags.append(i in axes)
                    real.append(leaf if i in axes else tensors[at])
                    at += 1
        rows: list[Any] = []
        for _ in range(n if numbers or entry.capture.host else 0):
            rows += numbers + _ask(entry.capture)
        if len(real) != len(tensors) or entry.argument_grads:
            raise TraceError(
                "loop: an argument of these runs gets a .grad, which each of them would replace; "
                "let the function use that tensor from outside instead of taking it as an argument"
            )
        flags += [False] * len(entry.capture.grad_inputs)
        results = entry.replay.loop(n, entry.inputs(real), flags, rows)
        return self._finish(entry, results)

    # ---- plans ----

    def _entry(self, args: tuple, kwargs: dict) -> tuple[list, list, Entry]:
        leaves, structure = flatten((args, kwargs))
        tensors, numbers = [], []
        key: list[Any] = [structure, dtypes.default_float(), *_core.modes()]
        fixed = self._fixed_leaves(args)
        grads = []
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, _core.TensorBase):
                tensors.append(leaf)
                if _wants_grad(leaf):
                    key.append((leaf._meta_key, leaf.grad is not None and leaf.grad._meta_key))
                    grads += [leaf.grad] if leaf.grad is not None else []
                else:
                    key.append((leaf._meta_key, leaf.requires_grad))
            elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool) and i not in fixed:
                numbers.append(leaf)
                key.append(type(leaf))
            else:
                key.append((type(leaf), leaf))
        try:
            found, stale = self.entries.find(tuple(key))
        except TypeError:
            raise TypeError(
                f"{self.__name__}: an argument cannot be told apart from others of its kind "
                "(it is not hashable); pass tensors, numbers, strings or None"
            ) from None
        if found is None:
            found = self._trace(leaves, structure, fixed, freezes=not stale)
            self.entries.add(tuple(key), found, self.__name__)
        return tensors + grads, numbers, found

    def _fixed_leaves(self, args: tuple) -> set[int]:
        if not self.static:
            return set()
        fixed: set[int] = set()
        at = 0
        for i, arg in enumerate(args):
            n = len(flatten(arg)[0])
            if i in self.static:
                fixed.update(range(at, at + n))
            at += n
        return fixed

    def _trace(self, leaves: list, structure: Any, fixed: set[int], freezes: bool) -> Entry:
        begin = time.perf_counter()
        where = next((t.device for t in leaves if isinstance(t, _core.TensorBase)), None)
        capture = Capture(
            where or device_of(self.function),
            less_memory=self.less_memory,
            pack_weights=self.pack_weights,
        )
        symbols = []
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, _core.TensorBase):
                symbols.append(capture.input(leaf))
            elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool) and i not in fixed:
                symbols.append(capture.argument_number(leaf))
            else:
                symbols.append(leaf)
        for leaf, symbol in zip(leaves, symbols, strict=True):
            if isinstance(leaf, _core.TensorBase) and _wants_grad(leaf):
                capture.leaf_argument(leaf, symbol)
        args, kwargs = unflatten(structure, symbols)
        try:
            with recording(capture):
                try:
                    result = self.function(*args, **kwargs)
                except TraceError as error:
                    raise located(error) from None
                except NoKernel as error:
                    raise UnsupportedError(
                        f"{self.__name__} on {capture.device}: {error}"
                    ) from None
        finally:
            effects = capture.undo_grads()
        entry = make_entry(capture, result, effects, self.passes, freezes)
        entry.seconds = time.perf_counter() - begin
        if debug.level >= 3:
            debug.say(explain(self.__name__, entry))
        elif debug.level:
            debug.say(summary(self.__name__, entry))
        return entry

    def _finish(self, entry: Entry, results: tuple) -> Any:
        for tensor, grad in entry.grads:
            new = results[grad] if isinstance(grad, int) else grad
            if tensor.grad is not new:
                tensor.grad = new
        leaves = [results[v] if kind == "output" else v for kind, v in entry.leaves]
        return unflatten(entry.structure, leaves)

    def profile(self, *args: Any, runs: int = 3, **kwargs: Any) -> Profile:
        """Call the function `runs` times with every kernel timed; str() of it is a table.

        These are true calls: they train, write caches and draw random numbers. Kernels are slower
        than in a plain run by the time that it takes to empty the device's queue after each.
        """
        self(*args, **kwargs)
        tensors, numbers, entry = self._entry(args, kwargs)
        if entry.replay is None:
            raise TraceError(f"profile: {entry.capture.device} cannot replay this plan")
        entry.replay.measure(True)
        try:
            for _ in range(runs):
                self._run(entry, tensors, numbers)
            entry.times = [s / runs for s in entry.replay.seconds()]
        finally:
            entry.replay.measure(False)
        return Profile(self.__name__, entry.capture.nodes, entry.times)

    def explain(self, html: str | os.PathLike[str] | None = None) -> str:
        """What was made of the function: kernels, what passes saved, memory, time to compile.

        html: also write a page with pictures there, which a browser shows without a network.
        After `profile` both have the time of every kernel.
        """
        if html is not None:
            with open(html, "w", encoding="utf-8") as file:
                file.write(self.html())
        return "\n\n".join(explain(self.__name__, entry) for entry in self.entries.values())

    def html(self) -> str:
        """A page that shows each plan: its kernels, what became one, memory over time."""
        return page(self.__name__, list(self.entries.values()))

    def dot(self) -> str:
        """The graphs of all plans in Graphviz's language; `dot -Tsvg` draws them."""
        return graphs(self.__name__, list(self.entries.values()))


def _wants_grad(leaf: Any) -> bool:
    """Would backward() set this argument's .grad?"""
    return leaf.requires_grad and leaf.is_leaf


def _ask(capture: Capture) -> list[Any]:
    """Do the host's part of a run: actions in order, and the numbers of today."""
    return [value for value, wanted in [(call(), w) for call, w in capture.host] if wanted]
