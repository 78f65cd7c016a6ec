"""The Python array API standard, version 2024.12, on vidya's tensors.

    xp = x.__array_namespace__()        # this module
    xp.sum(x, axis=0, keepdims=True)

Names, positional-only and keyword-only parameters, promotion and defaults are the standard's, where
`vidya` itself has PyTorch's. https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from ..dtypes import bool_ as bool
from ..dtypes import (
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from . import creation, data_types, elementwise, manipulation, reductions, searching, sets
from . import fft as fft
from . import linalg as linalg
from .constants import e, inf, nan, newaxis, pi
from .creation import *  # noqa: F403
from .data_types import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .info import __array_namespace_info__
from .linalg import matmul, matrix_transpose, tensordot, vecdot
from .manipulation import *  # noqa: F403
from .reductions import *  # noqa: F403
from .searching import *  # noqa: F403
from .sets import *  # noqa: F403

__array_api_version__ = "2024.12"

__all__ = [
    "__array_api_version__",
    "__array_namespace_info__",
    "bool",
    "complex64",
    "complex128",
    "e",
    "fft",
    "float32",
    "float64",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "linalg",
    "matmul",
    "matrix_transpose",
    "nan",
    "newaxis",
    "pi",
    "tensordot",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "vecdot",
]  # fmt: skip
for _part in (creation, data_types, elementwise, manipulation, reductions, searching, sets):
    __all__ += _part.__all__
