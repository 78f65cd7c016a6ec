"""The element types, in the order in which `_core` numbers them, and their promotion."""

from __future__ import annotations

import ml_dtypes
import numpy as np

BOOL, UINT, INT, FLOAT, COMPLEX = range(5)  # categories, in the order of promotion


class dtype:
    """An element type.  `index` is `_core`'s number for it, `np` the NumPy equivalent."""

    __slots__ = ("category", "index", "itemsize", "name", "np")

    def __init__(self, index: int, name: str, category: int, np_type) -> None:
        self.index = index
        self.name = name
        self.category = category
        self.np = np.dtype(np_type)
        self.itemsize = self.np.itemsize

    def __repr__(self) -> str:
        return f"vidya.{self.name}"

    def __reduce__(self):
        return (by_name, (self.name,))

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        return self.category in (INT, FLOAT, COMPLEX)

    @property
    def is_integer(self) -> bool:
        """True for the signed and unsigned integers, not for bool."""
        return self.category in (INT, UINT)

    def to_real(self) -> dtype:
        """The type of the real part: complex64 -> float32; a real type is its own."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """float64 -> complex128, every smaller float -> complex64."""
        if self.category == COMPLEX:
            return self
        return complex128 if self is float64 else complex64


_TABLE = [
    ("bool", BOOL, np.bool_),
    ("uint8", UINT, np.uint8),
    ("uint16", UINT, np.uint16),
    ("uint32", UINT, np.uint32),
    ("uint64", UINT, np.uint64),
    ("int8", INT, np.int8),
    ("int16", INT, np.int16),
    ("int32", INT, np.int32),
    ("int64", INT, np.int64),
    ("float16", FLOAT, np.float16),
    ("bfloat16", FLOAT, ml_dtypes.bfloat16),
    ("float32", FLOAT, np.float32),
    ("float64", FLOAT, np.float64),
    ("complex64", COMPLEX, np.complex64),
    ("complex128", COMPLEX, np.complex128),
]
ALL = tuple(dtype(i, *row) for i, row in enumerate(_TABLE))
(
    bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float16, bfloat16, float32, float64, complex64, complex128,
) = ALL  # fmt: skip
half, double, long, short = float16, float64, int64, int16
cfloat, cdouble = complex64, complex128

_BY_NAME = {d.name: d for d in ALL} | {
    "half": float16, "float": float32, "double": float64, "int": int32, "long": int64,
    "short": int16, "cfloat": complex64, "cdouble": complex128, "bf16": bfloat16,
    "fp16": float16, "f16": float16, "fp32": float32, "f32": float32, "f64": float64,
}  # fmt: skip
_BY_NUMPY = {d.np: d for d in ALL}


def by_name(name: str) -> dtype:
    """The dtype called `name` ("float32", "bf16", "double" ...); ValueError lists what there is."""
    try:
        return _BY_NAME[name.removeprefix("vidya.").removeprefix("torch.")]
    except KeyError:
        known = ", ".join(d.name for d in ALL)
        raise ValueError(f"unknown dtype {name!r}; the dtypes are {known}") from None


def as_dtype(value) -> dtype:
    """A dtype from a dtype, a name, a NumPy type or Python's bool, int, float, complex."""
    if isinstance(value, dtype):
        return value
    if isinstance(value, str):
        return by_name(value)
    python = {
        bool: bool_,
        int: int64,
        float: default_float(),
        complex: default_float().to_complex(),
    }
    if isinstance(value, type) and value in python:
        return python[value]
    try:
        return _BY_NUMPY[np.dtype(value)]
    except (KeyError, TypeError):
        raise TypeError(f"{value!r} is not a dtype vidya has") from None


_default = float32


def default_float() -> dtype:
    """The float that Python numbers become: float32 unless `set_default_dtype` says otherwise."""
    return _default


def get_default_dtype() -> dtype:
    return _default


def set_default_dtype(value) -> None:
    """Make `value` (a floating dtype) the type of Python floats in new tensors."""
    global _default
    chosen = as_dtype(value)
    if not chosen.is_floating_point:
        raise TypeError(f"the default dtype must be floating point, not {chosen.name}")
    _default = chosen
    from . import _core  # here: the core learns the dtypes of this file when it starts

    _core.clear_memos()  # plans on Python floats were made for the old one


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype both convert to, by PyTorch's table (float16 + bfloat16 = float32)."""
    a, b = as_dtype(type1), as_dtype(type2)
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a  # a is of the higher category
    if a.category == COMPLEX:
        wide = b is float64 or b is complex128 or a is complex128
        return complex128 if wide else complex64
    if a.category == FLOAT:
        if b.category != FLOAT:
            return a
        if a.itemsize == b.itemsize:
            return float32  # float16 with bfloat16
        return a if a.itemsize > b.itemsize else b
    if b.category == BOOL:
        return a
    if a.category == b.category:
        return a if a.itemsize >= b.itemsize else b
    # signed with unsigned: the signed type if it is wider, else the next signed one
    if a.itemsize > b.itemsize:
        return a
    if b.itemsize == 8:
        return float32  # no integer holds both; PyTorch goes to the default float
    return {1: int16, 2: int32, 4: int64}[b.itemsize]


def finfo(type_) -> ml_dtypes.finfo:
    """Limits of a floating dtype: eps, max, min, tiny, bits."""
    return ml_dtypes.finfo(as_dtype(type_).to_real().np)


def iinfo(type_) -> np.iinfo:
    """Limits of an integer dtype: min, max, bits."""
    return np.iinfo(as_dtype(type_).np)
