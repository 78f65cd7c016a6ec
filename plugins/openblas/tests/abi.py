"""The C ABI through ctypes: call one kernel of a backend's shared library with NumPy arrays."""

from __future__ import annotations

import ctypes as c
import importlib.util
import os
from pathlib import Path

import ml_dtypes
import numpy as np

OK, UNSUPPORTED, INVALID, OOM, DEVICE, INTERNAL = range(6)
SCALAR, ABSENT, FROZEN, PACK = 2, 4, 8, 16
STRIDED_IN, INPLACE, PREFERRED, SCALAR_IN = 1, 2, 8, 32

_CODES = {"b": 6, "u": 1, "i": 0, "f": 2, "c": 5}


class DType(c.Structure):
    _fields_ = [("code", c.c_uint8), ("bits", c.c_uint8), ("lanes", c.c_uint16)]


class Err(c.Structure):
    _fields_ = [("text", c.c_char * 1024)]


class Tensor(c.Structure):
    _fields_ = [
        ("buffer", c.c_void_p),
        ("offset", c.c_uint64),
        ("shape", c.POINTER(c.c_int64)),
        ("strides", c.POINTER(c.c_int64)),
        ("ndim", c.c_int32),
        ("dtype", DType),
        ("flags", c.c_uint32),
        ("reserved", c.c_uint32),
        ("value", c.c_uint8 * 16),
    ]


class AttrValue(c.Union):
    _fields_ = [("i", c.c_int64), ("f", c.c_double), ("s", c.c_char_p), ("ints", c.c_void_p)]


class Attr(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("kind", c.c_int32),
        ("count", c.c_int32),
        ("value", AttrValue),
    ]


class Call(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("n_inputs", c.c_int32),
        ("n_outputs", c.c_int32),
        ("n_attrs", c.c_int32),
        ("op", c.c_char_p),
        ("inputs", c.POINTER(Tensor)),
        ("outputs", c.POINTER(Tensor)),
        ("attrs", c.POINTER(Attr)),
    ]


class Kernel(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("caps", c.c_uint32), ("kernel", c.c_void_p)]


class Info(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("flags", c.c_uint32),
        ("name", c.c_char * 64),
        ("detail", c.c_char * 256),
        ("memory_bytes", c.c_uint64),
        ("alignment", c.c_uint32),
        ("threads", c.c_int32),
    ]


_STATUS, _P = c.c_int32, c.c_void_p
_FUNCTIONS = [
    ("count", _STATUS, [_P, c.POINTER(c.c_int32), c.POINTER(Err)]),
    ("open", _STATUS, [_P, c.c_int32, c.POINTER(_P), c.POINTER(Err)]),
    ("close", None, [_P]),
    ("info", _STATUS, [_P, c.POINTER(Info), c.POINTER(Err)]),
    ("sync", _STATUS, [_P, c.POINTER(Err)]),
    ("alloc", _STATUS, [_P, c.c_uint64, c.POINTER(_P), c.POINTER(Err)]),
    ("free", None, [_P, _P]),
    ("upload", _STATUS, [_P, c.POINTER(Tensor), _P, c.POINTER(Err)]),
    ("download", _STATUS, [_P, c.POINTER(Tensor), _P, c.POINTER(Err)]),
    ("copy", _STATUS, [_P, c.POINTER(Tensor), c.POINTER(Tensor), c.POINTER(Err)]),
    ("find", _STATUS, [_P, c.POINTER(Call), c.POINTER(Kernel), c.POINTER(Err)]),
    ("run", _STATUS, [_P, _P, c.POINTER(Call), c.POINTER(Err)]),
    ("kernel_free", None, [_P, _P]),
    ("host_ptr", _STATUS, [_P, _P, c.POINTER(_P), c.POINTER(Err)]),
]


class Backend(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("abi_major", c.c_uint16),
        ("abi_minor", c.c_uint16),
        ("name", c.c_char_p),
        ("version", c.c_char_p),
        ("self", _P),
    ] + [(n, c.CFUNCTYPE(r, *a)) for n, r, a in _FUNCTIONS]


class Failure(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Scalar:
    """A VD_TENSOR_SCALAR of the given NumPy dtype."""

    def __init__(self, value, dtype) -> None:
        self.array = np.asarray(value, dtype)


class Packed(np.ndarray):
    """A frozen weight, with memory for a packed copy: np.ndarray.view of an array."""


def dtype_of(t: np.dtype) -> DType:
    if t == ml_dtypes.bfloat16:
        return DType(4, 16, 1)
    return DType(_CODES[t.kind], t.itemsize * 8, 1)


def _ints(values) -> c.Array:
    return (c.c_int64 * max(1, len(values)))(*values)


def tensor(x, keep: list) -> Tensor:
    """vd_tensor over a NumPy array, a Scalar, or None (absent); `keep` owns what it points to."""
    t = Tensor()
    if x is None:
        t.flags = ABSENT
        return t
    if isinstance(x, Scalar):
        t.flags = SCALAR
        t.dtype = dtype_of(x.array.dtype)
        c.memmove(t.value, x.array.ctypes.data, x.array.itemsize)
        t.shape, t.strides = _ints([]), _ints([])
        return t
    keep.append(x)
    t.buffer = x.ctypes.data
    t.shape = _ints(x.shape)
    t.strides = _ints([s // x.itemsize for s in x.strides])
    t.ndim = x.ndim
    t.dtype = dtype_of(x.dtype)
    if isinstance(x, Packed):
        t.flags = FROZEN | PACK
    return t


def attributes(attrs: dict, keep: list) -> c.Array:
    out = (Attr * max(1, len(attrs)))()
    for a, (name, v) in zip(out, attrs.items(), strict=False):
        a.name = name.encode()
        if isinstance(v, (bool, int, np.integer)):
            a.kind, a.value.i = 0, int(v)
        elif isinstance(v, float):
            a.kind, a.value.f = 1, v
        elif isinstance(v, str):
            a.kind, a.value.s = 2, v.encode()
        else:
            ints = _ints(list(v))
            keep.append(ints)
            a.kind, a.count, a.value.ints = 3, len(v), c.cast(ints, _P)
    return out


def library_path() -> Path:
    """The built plugin: VIDYA_OPENBLAS_PLUGIN, else the installed one."""
    named = os.environ.get("VIDYA_OPENBLAS_PLUGIN")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("vidya_openblas")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "build the plugin (pip install ./plugins/openblas) or set VIDYA_OPENBLAS_PLUGIN"
        )
    for place in spec.submodule_search_locations:
        if (found := Path(place) / "libvidya_openblas.so").exists():
            return found
    raise FileNotFoundError(f"no libvidya_openblas.so in {spec.submodule_search_locations}")


def blas_path() -> str:
    spec = importlib.util.find_spec("scipy_openblas32")
    assert spec is not None and spec.submodule_search_locations
    return str(next((Path(spec.submodule_search_locations[0]) / "lib").glob("libscipy_openblas*")))


class Prepared:
    """One call, found once: run it as often as you like."""

    def __init__(self, device: Device, op: str, inputs, outputs, attrs: dict) -> None:
        self.device = device
        self.keep: list = []
        self.outputs = outputs
        self.ins = (Tensor * max(1, len(inputs)))(*[tensor(x, self.keep) for x in inputs])
        self.outs = (Tensor * max(1, len(outputs)))(*[tensor(x, self.keep) for x in outputs])
        self.attrs = attributes(attrs, self.keep)
        self.call = Call(c.sizeof(Call), len(inputs), len(outputs), len(attrs), op.encode())
        self.call.inputs, self.call.outputs, self.call.attrs = self.ins, self.outs, self.attrs
        self.kernel = Kernel(c.sizeof(Kernel), 0, None)
        self.err = Err()
        device.check(device.b.find(device.handle, self.call, self.kernel, self.err), self.err)

    @property
    def caps(self) -> int:
        return self.kernel.caps

    def run(self):
        d = self.device
        d.check(d.b.run(d.handle, self.kernel.kernel, self.call, self.err), self.err)
        return self.outputs

    def close(self) -> None:
        if self.kernel.kernel:
            self.device.b.kernel_free(self.device.handle, self.kernel.kernel)
            self.kernel.kernel = None


class Device:
    def __init__(self, path: Path | None = None) -> None:
        os.environ.setdefault("VIDYA_OPENBLAS_LIBRARY", blas_path())
        lib = c.CDLL(str(path or library_path()))
        lib.vidya_backend_v1.restype = c.POINTER(Backend)
        self.b = lib.vidya_backend_v1().contents
        self.handle, err = _P(), Err()
        self.check(self.b.open(self.b.self, 0, self.handle, err), err)

    @staticmethod
    def check(status: int, err: Err) -> None:
        if status != OK:
            raise Failure(status, err.text.decode())

    def info(self) -> Info:
        info, err = Info(struct_size=c.sizeof(Info)), Err()
        self.check(self.b.info(self.handle, info, err), err)
        return info

    def prepare(self, op: str, inputs, outputs, **attrs) -> Prepared:
        """As the core does it: inputs the kernel will not take strided arrive contiguous."""
        p = Prepared(self, op, inputs, outputs, attrs)
        packed = [
            np.ascontiguousarray(x).reshape(x.shape)
            if isinstance(x, np.ndarray) and not p.caps & STRIDED_IN
            else x.array.reshape(())
            if isinstance(x, Scalar) and not p.caps & SCALAR_IN
            else x
            for x in inputs
        ]
        if any(a is not b for a, b in zip(packed, inputs, strict=True)):
            kernel = p.kernel.kernel
            q = Prepared(self, op, packed, outputs, attrs)
            q.kernel.kernel, p.kernel.kernel = kernel, q.kernel.kernel  # the first find's kernel
            p.close()
            return q
        return p

    def run(self, op: str, inputs, outputs, **attrs):
        """Runs op into `outputs` (arrays, or (shape, dtype) pairs); gives the arrays."""
        outs = [o if isinstance(o, np.ndarray) else np.empty(*o) for o in outputs]
        p = self.prepare(op, inputs, outs, **attrs)
        try:
            return p.run()
        finally:
            p.close()
