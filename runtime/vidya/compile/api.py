"""vidya.compile: a function that is traced once per kind of arguments and replayed from then on."""

from __future__ import annotations

import functools
import inspect
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core, dtypes
from ..engine import debug
from ..engine.trace import NoKernel, recording
from ..engine.watched import watching
from ..errors import TraceError, UnsupportedError
from .capture import Capture
from .entry import Entry, make_entry
from .explain import explain, summary
from .looks import Looks
from .origin import device_of, located
from .pipeline import PASSES
from .plans import Plans
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
    if not callable(function):
        raise TypeError(f"compile: takes a function or a module, not {type(function).__name__}")
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    if any(i < 0 for i in static):
        raise ValueError(f"compile: static_argnums counts from 0, got {static}")
    if isinstance(passes, str):
        passes = (passes,)
    chosen = list(PASSES) if passes is None else list(passes)
    if unknown := set(chosen) - set(PASSES):
        raise ValueError(f"unknown pass {sorted(unknown)[0]!r}; passes: {', '.join(PASSES)}")
    return Compiled(function, frozenset(static), chosen, less_memory, pack_weights)


class Compiled(Looks):
    """What `vidya.compile` gives: call it as the function itself.

    What it has not itself is the function's: a compiled module has parameters() and eval(). In a
    class it is a method. Called by another compiled function it becomes part of that one's plan. A
    copy, and one that was pickled, makes plans of its own.
    """

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
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "function" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}, plans: {len(self.entries)}>"

    def __reduce__(self) -> tuple:
        made_of = (self.function, self.static, self.passes, self.less_memory, self.pack_weights)
        return Compiled, made_of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _core.current_trace() is not None:
            return self.function(*args, **kwargs)
        tensors, numbers, entry = self._entry(args, kwargs)
        return self._run(entry, tensors, numbers)

    def _run(self, entry: Entry, tensors: list, given: list) -> Any:
        numbers = given + _ask(entry.capture)
        if entry.replay is not None:
            results = entry.replay(entry.inputs(tensors), numbers)
        else:
            results = entry.plan(entry.inputs(tensors) + entry.capture.captured, numbers)
        if entry.argument_grads:
            leaves = [t for t in tensors if _wants_grad(t)]
            for i, output in entry.argument_grads:
                leaves[i].grad = None if output is None else results[output]
        return self._finish(entry, results, given)

    def loop(self, n: int, *args: Any, stacked: int | Sequence[int] = ()) -> Any:
        """Call the function n times in one go, without Python in between.

        The arguments at `stacked` hold n values along their first dim, of which run i gets the
        i-th; the others are the same for all runs. Results are stacked the same way.
        """
        if n < 1:
            raise ValueError(f"loop: n must be at least 1, got {n}")
        axes = {stacked} if isinstance(stacked, int) else set(stacked)
        for i in axes:
            if not 0 <= i < len(args) or not isinstance(args[i], _core.TensorBase):
                raise ValueError(f"loop: stacked names argument {i}, which is no tensor here")
            if args[i].shape[:1] != (n,):
                raise ValueError(
                    f"loop: stacked argument {i} is {tuple(args[i].shape)}, not [{n}, ...]"
                )
        first = [a[0] if i in axes else a for i, a in enumerate(args)]
        tensors, numbers, entry = self._entry(tuple(first), {})
        if entry.replay is None:
            raise TraceError(f"loop: {entry.capture.device} cannot replay this plan without Python")
        flags: list[bool] = []
        real: list[Any] = []
        for i, arg in enumerate(args):
            for leaf in flatten(arg)[0]:
                again = i not in axes and any(leaf is t for t in real)
                if isinstance(leaf, _core.TensorBase) and not again:
                    flags.append(i in axes)
                    real.append(leaf)
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
        return self._finish(entry, results, numbers)

    # ---- plans ----

    def _entry(self, args: tuple, kwargs: dict) -> tuple[list, list, Entry]:
        leaves, structure = flatten((args, kwargs))
        tensors, numbers = [], []
        key: list[Any] = [structure, dtypes.default_float(), *_core.modes()]
        fixed = self._fixed_leaves(args, kwargs)
        grads = []
        seen: dict[int, int] = {}
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, _core.TensorBase):
                if (first := seen.setdefault(id(leaf), i)) != i:  # the same tensor once more
                    key.append(first)
                    continue
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
            found, stale = self.entries.find(tuple(key), tensors)
        except TypeError:
            raise TypeError(
                f"{self.__name__}: an argument cannot be told apart from others of its kind "
                "(it is not hashable); pass tensors, numbers, strings or None"
            ) from None
        if found is None:
            found = self._trace(leaves, structure, fixed, freezes=not stale)
            self.entries.add(tuple(key), found, self.__name__)
        return tensors + grads, numbers, found

    def _fixed_leaves(self, args: tuple, kwargs: dict) -> set[int]:
        """The leaves of the arguments at `static`, given by position or by name."""
        if not self.static:
            return set()
        names = list(inspect.signature(self.function).parameters)
        static = {*self.static, *(names[i] for i in self.static if i < len(names))}
        fixed: set[int] = set()
        at = 0
        for where, arg in (*enumerate(args), *kwargs.items()):
            n = len(flatten(arg)[0])
            if where in static:
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
        symbols: list[Any] = []
        known: dict[int, Any] = {}
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, _core.TensorBase):
                if id(leaf) not in known:
                    known[id(leaf)] = capture.input(leaf)
                    capture.tensors.append(leaf)
                symbols.append(known[id(leaf)])
            elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool) and i not in fixed:
                symbols.append(capture.argument_number(leaf))
            else:
                symbols.append(leaf)
        capture.given = capture.numbers
        for leaf in capture.tensors:
            if _wants_grad(leaf):
                capture.leaf_argument(leaf, known[id(leaf)])
            elif leaf.requires_grad:
                capture.through.append(known[id(leaf)])
                known[id(leaf)].requires_grad = True
        args, kwargs = unflatten(structure, symbols)
        try:
            with recording(capture), watching():
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
            left = capture.undo_parts()
        if any(symbol.grad is not None for symbol in capture.through):
            left = (
                "backward() reaches an argument that has a history of its own, where a compiled "
                "function ends; compile what made that argument, too"
            )
        if left:
            raise TraceError(f"{self.__name__}: {left}")
        entry = make_entry(capture, result, effects, self.passes, freezes)
        entry.seconds = time.perf_counter() - begin
        if debug.level >= 3:
            debug.say(explain(self.__name__, entry))
        elif debug.level:
            debug.say(summary(self.__name__, entry))
        return entry

    def _finish(self, entry: Entry, results: tuple, numbers: list) -> Any:
        for tensor, grad in entry.grads:
            new = results[grad] if isinstance(grad, int) else grad
            if tensor.grad is not new:
                tensor.grad = new
        for i, output in enumerate(entry.lost):
            results[output]._set_history(entry.end, i)
        leaves = [
            results[v] if kind == "output" else numbers[v] if kind == "number" else v
            for kind, v in entry.leaves
        ]
        return unflatten(entry.structure, leaves)


def _wants_grad(leaf: Any) -> bool:
    """Would backward() set this argument's .grad?"""
    return leaf.requires_grad and leaf.is_leaf


def _ask(capture: Capture) -> list[Any]:
    """Do the host's part of a run: actions in order, and the numbers of today."""
    return [value for value, wanted in [(call(), w) for call, w in capture.host] if wanted]
