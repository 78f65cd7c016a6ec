"""A tensor's numbers as Python's, NumPy's and other libraries' values: what ends on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..errors import AutogradError, TraceError
from .printing import to_text

if TYPE_CHECKING:
    from ..dtypes import dtype as DType
    from . import Tensor


class HostAccess:
    """numpy(), item(), DLPack, printing, pickling."""

    __slots__ = ()

    def data_ptr(self: Any) -> Any:
        """The address of the first element; ValueError where the host has no access."""
        view = _core.host_view(self)
        if view is None:
            raise ValueError(f"the memory of {self.device} has no host address")
        return view.ctypes.data

    def numpy(self: Any, *, force: Any = False) -> np.ndarray:
        """As a NumPy array: the same memory where the host can reach it, else a copy.

        Raises AutogradError for a tensor that requires grad; use detach() or force=True.
        """
        if self.requires_grad and not force:
            raise AutogradError(
                "numpy(): this tensor requires grad; use x.detach().numpy() or numpy(force=True)"
            )
        view = _core.host_view(self)
        return view if view is not None else _core.download(self.detach().contiguous())

    def __array__(self: Any, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self.numpy(force=True)
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_namespace__(self: Any, *, api_version: str | None = None) -> Any:
        """The functions of the Python array API standard: `vidya.array_api`."""
        from .. import array_api

        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ValueError(
                f"__array_namespace__: the versions are 2021.12 to 2024.12, not {api_version!r}"
            )
        return array_api

    def __dlpack__(
        self: Any,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Any:
        if dl_device not in (None, (1, 0)):
            raise BufferError(f"__dlpack__: only the CPU, (1, 0), can be shared, not {dl_device}")
        return _core.to_dlpack(self.clone() if copy else self)

    def __dlpack_device__(self: Any) -> tuple[Any, Any]:
        return (1, 0)

    def item(self: Any) -> Any:
        """The single element as a Python number."""
        if self.numel() != 1:
            raise ValueError(f"item(): only for a single element, this is {tuple(self.shape)}")
        return _core.download(self.detach().contiguous()).item()

    def tolist(self: Any) -> Any:
        return self.detach().numpy().tolist()

    def __bool__(self: Any) -> Any:
        if self.numel() != 1:
            raise ValueError(
                f"a tensor of {self.numel()} elements is neither true nor false; "
                "use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self: Any) -> Any:
        return float(self.item())

    def __int__(self: Any) -> Any:
        return int(self.item())

    def __complex__(self: Any) -> Any:
        return complex(self.item())

    def __index__(self: Any) -> Any:
        value = self.item()
        if not isinstance(value, int):
            raise TypeError("only integer tensors can be used as an index")
        return value

    def __repr__(self: Any) -> str:
        return to_text(self)

    def __str__(self: Any) -> str:
        if self._slot is not None:
            raise TraceError("a traced value cannot be printed: it has no numbers yet")
        return to_text(self)

    def __format__(self: Any, spec: str) -> str:
        return format(self.item(), spec) if spec and self.numel() == 1 else str(self)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        array = np.array(self.detach().numpy())
        return (_from_pickle, (array, self.dtype, self.requires_grad))


def _from_pickle(array: np.ndarray, dtype: DType, requires_grad: bool) -> Tensor:
    from ..functions.construct import tensor

    return tensor(array, dtype=dtype).requires_grad_(requires_grad)
