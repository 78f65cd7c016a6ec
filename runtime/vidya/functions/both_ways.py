"""What PyTorch has both as a function and as a method, where only one of them was written."""

from __future__ import annotations

from typing import Any

# methods that are functions of files above Tensor's own
_METHODS = """
bernoulli cholesky cholesky_inverse cholesky_solve det inverse istft logdet matrix_power multinomial
pinverse qr slogdet stft svd triangular_solve unsafe_chunk
"""
# functions that are in-place methods
_FUNCTIONS = """
abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_
atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ exp_
expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_
nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_
sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_
"""


def connect(namespace: dict[str, Any], tensor: type) -> None:
    """Give the class the functions, and the namespace the in-place methods."""
    for name in _METHODS.split():
        setattr(tensor, name, namespace[name])
    for name in _FUNCTIONS.split():
        namespace[name] = getattr(tensor, name)
