"""The hooks that a plugin may implement; docs/hooks.md has one section for each."""

from __future__ import annotations

import pluggy

PROJECT = "vidya"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def vidya_backend():
    """Return the device's backend: a PyCapsule, a shared library's path, or a Python object."""


@hookspec
def vidya_kernels(register):
    """Register kernels for a device, usually one that somebody else owns."""


@hookspec
def vidya_tolerances(register):
    """Register how far an op on a device may be from the float64 oracle, and why."""


@hookspec
def vidya_models(register):
    """Register the models that `vidya train` and `vidya generate` know by name."""
