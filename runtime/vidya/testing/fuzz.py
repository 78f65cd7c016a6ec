"""Nonsense calls of every function, for what a user must never see: a crash, a hang, or an error
that is not about his call.

    python -m vidya.testing.fuzz --device openblas --calls 10000 --seed 1

Each call takes its function and arguments from the seed and its number alone, so `--only N` repeats
call N. It exits with 1 and lists the calls that failed wrongly; a crash leaves the call's number in
the file `--log`.
"""

from __future__ import annotations

import argparse
import faulthandler
import inspect
import os
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import vidya
from vidya import dtypes, schema
from vidya.calls.arguments import shown
from vidya.testing import fakes

ALLOWED = (
    ValueError, IndexError, TypeError, RuntimeError, OverflowError, MemoryError, BufferError,
    NotImplementedError,
)  # fmt: skip
# RuntimeErrors and the like that are a bug of ours, not of the call
BUGS = (RecursionError, UnicodeError)

# What changes the process, waits for files, or hands out memory that is not set.
_UNFIT = """
manual_seed set_default_dtype set_default_device set_fallback set_cache_limit set_rng_state
set_grad_enabled empty_cache compile seed synchronize explain get_default_device
get_autocast_dtype quantize scope data_ptr reset_peak_memory_stats share_memory_ hookimpl
hookspec __getattr__
"""
_SKIPPED = frozenset(_UNFIT.split())
_OPERATORS = """
__add__ __radd__ __sub__ __rsub__ __mul__ __truediv__ __rtruediv__ __pow__ __rpow__ __mod__
__rmod__ __floordiv__ __rfloordiv__ __matmul__ __rmatmul__ __and__ __or__ __xor__ __lshift__
__rshift__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __getitem__ __setitem__ __contains__
__iadd__ __isub__ __imul__ __itruediv__ __len__ __bool__ __int__ __float__ __index__
"""
_SHAPES = (
    (), (1,), (3,), (0,), (2, 3), (3, 2), (2, 0), (4, 4), (1, 1), (2, 3, 4), (0, 3, 2),
    (1, 2, 3, 3),    (2, 2, 5, 4), (1, 1, 2, 2, 3), (1,) * 8, (7,), (16,), (100,),
)  # fmt: skip
_NUMBERS = (
    None, True, False, 0, 1, -1, 2, 3, 4, -2, -100, 7, 100, 2**31, -(2**31), 2**62, 2**63, -(2**63),
    2**64 - 1, 2**70, 10**12, 0.0, -0.0, 0.5, 1.5, -3.25, 1e-30, 1e300, float("nan"), float("inf"),
    -float("inf"), 1j, complex("nan"),
)  # fmt: skip
_OTHERS: tuple[Any, ...] = (
    "", "abc", "mean", "sum", "none", "reflect", "same", "valid", "float32", "ortho", "amax", "é",
    "bilinear", "numpy", b"x", [], (), {}, [1], (0,), (0, 1), (1, 0), (-1,), [2, 3], (1, 2, 3),
    (0, 0), (1, -1), [1.5], ["a"], [None], [[1, 2], [3]], [[1, 0], [0, 1]], 
    (2**40, 2**40), (10**6,) * 3,
    (-3, 2), (1,) * 20, tuple(range(6)), object(), int, len, Ellipsis, slice(None), slice(5, 1, -2),
    slice(None, None, 0), range(3), {1, 2}, np.float32(2.5), np.int64(2), np.zeros(3),
    np.zeros((2, 3), np.int16),
    np.array(["a"]), np.array([object()]), vidya.float32, vidya.int64, vidya.bool, vidya.complex64,
)  # fmt: skip


def functions() -> list[tuple[str, Callable[..., Any]]]:
    """Everything that takes tensors: the op table, the namespaces, the methods."""
    found: dict[str, Callable[..., Any]] = {}
    for name, definition in schema.REGISTRY.items():
        found[f"ops.{name}"] = definition.op
    spaces = {
        "vidya": vidya,
        "nn.functional": vidya.nn.functional,
        "linalg": vidya.linalg,
        "fft": vidya.fft,
        "special": vidya.special,
    }
    for prefix, space in spaces.items():
        names = getattr(space, "__all__", None) or [n for n in vars(space) if n[0] != "_"]
        for name in names:
            value = getattr(space, name)
            if callable(value) and not isinstance(value, type) and name not in _SKIPPED:
                found[f"{prefix}.{name}"] = value
    for name in dir(vidya.Tensor):
        value = inspect.getattr_static(vidya.Tensor, name)
        if (
            (name[0] != "_" or name in _OPERATORS.split())
            and callable(value)
            and name not in _SKIPPED
        ):
            found[f"Tensor.{name}"] = getattr(vidya.Tensor, name)
    return sorted(found.items())


class Maker:
    """Arguments by chance."""

    def __init__(self, seed: str, device: str) -> None:
        self.rng = random.Random(seed)
        self.device = device

    def tensor(self) -> Any:
        rng = self.rng
        shape = rng.choice(_SHAPES)
        kind = rng.choice((dtypes.float32, dtypes.float32, dtypes.int64, *dtypes.ALL))
        size = int(np.prod(shape, dtype=int))
        values = [rng.choice((0, 1, 2, 3, -1, 0.5, 1.5, 7, -4)) for _ in range(size)]
        if rng.random() < 0.2:
            values = [rng.choice((float("nan"), float("inf"), -1e30, 1e38, 0)) for _ in range(size)]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.asarray(values, np.float64).reshape(shape).astype(kind.np)
        device = "numpy" if rng.random() < 0.03 else self.device
        try:
            t = vidya.tensor(array, device=device)
        except vidya.errors.UnsupportedError:
            t = vidya.zeros(shape, device=device)
        form = rng.random()
        if form < 0.1 and t.ndim > 1:
            t = t.transpose(0, -1)
        elif form < 0.15 and t.ndim:
            t = t[..., ::2]
        elif form < 0.2 and t.ndim:
            t = t[:1].expand(5, *t.shape[1:]) if t.shape[0] else t
        if form > 0.93 and (kind.is_floating_point or kind.is_complex):
            t = t.detach().requires_grad_()
        return t

    def any(self) -> Any:
        pick = self.rng.random()
        if pick < 0.45:
            return self.tensor()
        if pick < 0.75:
            return self.rng.choice(_NUMBERS)
        if pick < 0.8:
            return [self.tensor() for _ in range(self.rng.randrange(4))]
        return self.rng.choice(_OTHERS)

    def fitting(self, parameter: inspect.Parameter) -> Any:
        """Mostly of the kind that the parameter asks for, to get past the first check."""
        if self.rng.random() < 0.3:
            return self.any()
        kind = str(parameter.annotation)
        if "Sequence[Tensor]" in kind:
            return [self.tensor() for _ in range(self.rng.randrange(4))]
        if kind.startswith(("Tensor", "Operand")) or parameter.name in ("x", "input", "self"):
            return self.tensor()
        if parameter.name in ("dim", "dims", "axis", "dim0", "dim1") or kind in ("Dim", "Dims"):
            return self.rng.choice((0, 1, -1, 2, -2, 3, (0, 1), (0,), None, 9, -9))
        if kind.startswith("int") or "size" in parameter.name:
            return self.rng.choice((0, 1, 2, 3, 4, -1, 5, 2**40, (2, 2), (1,), (3,)))
        if kind.startswith("bool") or isinstance(parameter.default, bool):
            return self.rng.choice((True, False))
        if kind.startswith("float") or isinstance(parameter.default, float):
            return self.rng.choice((0.0, 0.5, 1.0, -1.0, 2.0, float("nan"), float("inf"), 1e30))
        if self.rng.random() < 0.4 and parameter.default is not inspect.Parameter.empty:
            return parameter.default
        return self.rng.choice(_NUMBERS)

    def arguments(self, function: Callable[..., Any]) -> tuple[list, dict]:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return [self.any() for _ in range(self.rng.randrange(4))], {}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for p in parameters:
            if p.kind is p.VAR_POSITIONAL:
                args += [self.fitting(p) for _ in range(self.rng.randrange(4))]
            elif p.kind is p.VAR_KEYWORD:
                continue
            elif p.kind is p.KEYWORD_ONLY or kwargs:
                if p.default is p.empty or self.rng.random() < 0.4:
                    kwargs[p.name] = self.fitting(p)
            elif p.default is p.empty or self.rng.random() < 0.4:
                args.append(self.fitting(p))
            else:
                kwargs[p.name] = self.fitting(p)
        if self.rng.random() < 0.03:
            args.append(self.any())
        if self.rng.random() < 0.03:
            kwargs[self.rng.choice(("out", "axis", "keepdims", "nonsense"))] = self.any()
        return args, kwargs


def _use(result: Any) -> None:
    """The numbers of the result, so that work that waits is done."""
    for t in result if isinstance(result, (tuple, list)) else (result,):
        if isinstance(t, vidya.Tensor) and t.numel() < 1e6:
            t.numpy(force=True)


def calls(device: str, seed: int, numbers: Iterator[int] | range) -> Iterator[tuple[int, str, Any]]:
    """(number, function's name, the call to make)"""
    table = functions()
    for number in numbers:
        make = Maker(f"{seed}/{number}", device)
        name, function = make.rng.choice(table)
        args, kwargs = make.arguments(function)
        if name.startswith("Tensor.") and not (args and isinstance(args[0], vidya.Tensor)):
            args = [make.tensor(), *args[1:]]
        yield number, name, (function, args, kwargs)


def judge(name: str, call: Any) -> str | None:
    """What is wrong with how this call ended; None if nothing is."""
    function, args, kwargs = call
    try:
        _use(function(*args, **kwargs))
    except vidya.errors.OutOfMemoryError:
        return None  # it names the device and the bytes
    except BUGS as error:
        return f"{type(error).__name__}: {error}"
    except ALLOWED as error:
        text = str(error)
        if not text.strip():
            return f"{type(error).__name__} without a text"
        if isinstance(error, SystemError):
            return f"SystemError: {text}"
        return (
            None if _speaks(name, text) else f"does not name an op: {type(error).__name__}: {text}"
        )
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return None


_WORDS = {"dtype", "device", "index", "indices", "tensor", "quantized"}  # said as clearly


def _speaks(name: str, text: str) -> bool:
    """Does the message say which function it is about?"""
    if len(_WORDS) < 10:
        _WORDS.update(n.rsplit(".", 1)[1].strip("_") for n, _ in functions())
    own = name.rsplit(".", 1)[1].strip("_")
    words = {w.strip("_") for w in re.findall(r"\w+", text)}
    return own in text or bool(
        words & (_WORDS | {"dtype", "device", "index", "indices", "tensor", "quantized"})
    )


def show(call: Any) -> str:
    _, args, kwargs = call
    return ", ".join([*map(shown, args), *(f"{k}={shown(v)}" for k, v in kwargs.items())])


def main() -> int:
    parser = argparse.ArgumentParser(prog="vidya.testing.fuzz", description=__doc__)
    parser.add_argument("--device", default="numpy")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="make this one call and show its traceback")
    parser.add_argument("--seconds", type=float, default=30, help="the longest one call may take")
    parser.add_argument("--memory", type=float, default=3, help="GiB the process may map")
    parser.add_argument("--log", help="a file for the number of the call in progress")
    given = parser.parse_args()
    _limit_memory(given.memory)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if given.device in fakes.NAMES:
        fakes.install()
    vidya.device(given.device)
    if given.only is not None:
        for number, name, call in calls(
            given.device, given.seed, range(given.only, given.only + 1)
        ):
            print(f"call {number}: {name}({show(call)})", flush=True)
            _use(call[0](*call[1], **call[2]))
        return 0
    log = os.open(given.log, os.O_WRONLY | os.O_CREAT) if given.log else None
    wrong = 0
    for number, name, call in calls(given.device, given.seed, range(given.calls)):
        if log is not None:
            os.pwrite(log, f"{number:9d} {name:60s}\n".encode(), 0)
        faulthandler.dump_traceback_later(given.seconds, exit=True)
        reason = judge(name, call)
        faulthandler.cancel_dump_traceback_later()
        if reason:
            wrong += 1
            print(f"call {number}: {name}({show(call)}): {reason}", flush=True)
    print(f"{given.calls} calls on {given.device}, seed {given.seed}: {wrong} wrong")
    return 1 if wrong else 0


def _limit_memory(gib: float) -> None:
    """A size that does not fit is to fail at once, not to fill the machine."""
    import resource

    limit = int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main())
