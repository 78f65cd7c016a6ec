"""How far a result may be from the float64 oracle: per device, op and dtype, each with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from vidya.backends import registry
from vidya.dtypes import dtype


@dataclass(frozen=True)
class Allowed:
    """|result - oracle| <= atol + rtol * |oracle|; `reason` says why not less."""

    rtol: float
    atol: float
    reason: str


EXACT = Allowed(0.0, 0.0, "integers and booleans have no rounding")

# A few units in the last place: NumPy, libm and vectorised kernels differ in the last bit or two,
# and a decomposition rounds at every step.
_BASE = {
    "float64": Allowed(1e-12, 1e-13, "eps 2.2e-16; oracles round too, and cancel in other places"),
    "float32": Allowed(4e-6, 1e-6, "eps 1.2e-7; up to a few dozen roundings in a decomposition"),
    "float16": Allowed(4e-3, 2e-3, "eps 9.8e-4; each step of a decomposition rounds to it"),
    "bfloat16": Allowed(3.2e-2, 1.6e-2, "eps 7.8e-3; each step of a decomposition rounds to it"),
    "complex64": Allowed(1e-5, 4e-6, "two float32 parts that mix"),
    "complex128": Allowed(1e-12, 1e-12, "two float64 parts that mix"),
}

_GRADIENT = {
    "float64": Allowed(1e-5, 1e-6, "central differences of the oracle have about nine digits"),
    "float32": Allowed(1e-3, 1e-4, "float32 backward against differences of the float64 oracle"),
    "complex128": Allowed(1e-5, 1e-6, "as float64"),
    "complex64": Allowed(1e-3, 2e-4, "as float32, two parts that mix"),
}

# Rows for one op in one dtype, on every device: (op, dtype) -> Allowed.
_OPS: dict[tuple[str, str], Allowed] = {}


def allowed(device: str, op: str, kind: dtype) -> Allowed:
    """The tolerance for results of `op` in `kind` on `device`; a row of the device's own wins."""
    if not (kind.is_floating_point or kind.is_complex):
        return EXACT
    name = device.split(":")[0]
    row = registry.tolerances_for(name).get((op, kind.name))
    if row is not None:
        return Allowed(row.rtol, row.atol, row.reason)
    return _OPS.get((op, kind.name), _BASE[kind.name])


def allowed_gradient(device: str, op: str, kind: dtype) -> Allowed:
    """The tolerance for gradients: never less than a device's own row for the op's values."""
    base = _GRADIENT[kind.name]
    values = allowed(device, op, kind)
    return base if values.rtol <= base.rtol else Allowed(values.rtol, values.atol, values.reason)
