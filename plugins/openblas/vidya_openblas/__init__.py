"""The `openblas` device: the CPU, with OpenBLAS for matrix products and our own kernels beside it.

Environment, read when the device is opened:
  VIDYA_NUM_THREADS        threads; else OMP_NUM_THREADS, else the cores this process may use
  VIDYA_SIMD               baseline, avx2 or avx512; else the best that the CPU runs
  VIDYA_OPENBLAS_LIBRARY   path of an OpenBLAS shared library; else that of scipy-openblas32
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

import vidya

_HERE = Path(__file__).parent
_LIBRARY = "libvidya_openblas.so"


def blas_library() -> Path | None:
    """The library inside the scipy-openblas32 wheel, found without importing it; None if absent."""
    spec = importlib.util.find_spec("scipy_openblas32")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted((Path(place) / "lib").glob("*scipy_openblas*")):
            if found.suffix in (".so", ".dylib"):
                return found
    return None


def speed_warning() -> str | None:
    """What in the environment holds OpenBLAS below this CPU's speed, with the remedy, or None."""
    held = [name for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if os.environ.get(name)]
    if not held:
        return None
    what = " and ".join(f"{name}={os.environ[name]}" for name in held)
    return (
        f"{what} may hold OpenBLAS below the speed of this CPU; unless that is wanted: "
        f"unset {' '.join(held)} (`vidya devices` shows the core in use)"
    )


@vidya.hookimpl
def vidya_backend() -> str:
    """The path of the plugin's shared library; tells it where OpenBLAS is."""
    if not os.environ.get("VIDYA_OPENBLAS_LIBRARY") and (found := blas_library()):
        os.environ["VIDYA_OPENBLAS_LIBRARY"] = str(found)
    if text := speed_warning():
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return str(_find(_LIBRARY))


def _find(name: str) -> Path:
    # An editable install keeps the library away from the sources: the package has several places.
    spec = importlib.util.find_spec(__name__)
    places = [_HERE, *map(Path, (spec.submodule_search_locations or []) if spec else [])]
    for place in places:
        if (found := place / name).exists():
            return found
    raise FileNotFoundError(
        f"{name} is not in {', '.join(map(str, places))}: "
        "pip install --force-reinstall vidya-runtime-openblas"
    )
