"""What a device can be: the hooks of a plugin, their registry, and the NumPy reference."""

from __future__ import annotations

from .hookspecs import hookimpl, hookspec
from .plugins import Plugin, PluginWarning
from .registers import KernelLibrary, Kernels, PythonKernel, Tolerance
from .registry import State, states

__all__ = [
    "KernelLibrary",
    "Kernels",
    "Plugin",
    "PluginWarning",
    "PythonKernel",
    "State",
    "Tolerance",
    "hookimpl",
    "hookspec",
    "states",
]
