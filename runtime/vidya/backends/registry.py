"""Which devices and models there are, and loading exactly the one that was asked for.

Entry-point groups, whose names are the names that users type:
  vidya.backends   name = device: the plugin that owns it, loaded when it is opened
  vidya.kernels    name = device: plugins that add kernels to it, loaded when it is opened
  vidya.models     name = model: loaded when it is asked for
"""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import BackendError, ConfigError, DeviceError
from .plugins import Plugin, PluginWarning, blamed, find, hooks, implements, root_cause
from .registers import KernelRegister, Kernels, ModelRegister, Tolerance, ToleranceRegister

BACKENDS, KERNELS, MODELS = "vidya.backends", "vidya.kernels", "vidya.models"

READY, NOT_INSTALLED, BROKEN, NO_HARDWARE = "ready", "not installed", "broken", "no hardware"

# Part of this distribution, so they need no entry point and nobody else can claim their names.
BUILT_IN = {"numpy": "vidya.backends.builtin"}
# Our own plugins, known by name even where they are not installed: name -> pip line once published.
FIRST_PARTY = {
    "metal": None,
    "openblas": "pip install vidya-runtime[openblas]",
    "ttnn": None,
    "webgpu": None,
}

_sources: dict[str, Any] = {}
_kernels: dict[str, Kernels] = {}
_tolerances: dict[str, dict[tuple[str, str], Tolerance]] = {}
_lock = threading.RLock()


@dataclass(frozen=True)
class State:
    """How one device stands on this machine, for `vidya devices` and error messages."""

    name: str
    status: str  # READY, NOT_INSTALLED, BROKEN or NO_HARDWARE
    count: int = 0
    plugin: Plugin | None = None
    reason: str = ""  # the pip line, the root cause, or ""


def names() -> list[str]:
    """Every device name known here, installed or not; imports no plugin."""
    return sorted({*BUILT_IN, *FIRST_PARTY, *(plugin.name for plugin in find(BACKENDS))})


def is_installed(name: str) -> bool:
    """Whether a plugin for the device is there; imports none, so it may be broken."""
    return name in BUILT_IN or any(plugin.name == name for plugin in find(BACKENDS))


def origin(name: str) -> Plugin:
    """The plugin that owns the device `name`, not imported.

    Raises DeviceError for a name nobody knows, BackendError if its plugin is not installed or if
    two distributions claim the name.
    """
    if name in BUILT_IN:
        return Plugin(BACKENDS, name, BUILT_IN[name], "vidya-runtime", own_version())
    claims = [plugin for plugin in find(BACKENDS) if plugin.name == name]
    if len(claims) > 1:
        who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in claims)
        raise BackendError(f"device {name!r} is claimed by {who}: uninstall all but one of them")
    if claims:
        return claims[0]
    if name in FIRST_PARTY:
        raise BackendError(f"device {name!r} is not installed: {_how_to_install(name)}")
    raise DeviceError(f"unknown device {name!r}{_did_you_mean(name, names())} {_list_devices()}")


def load(name: str) -> Any:
    """The backend of device `name`, as its plugin gives it; imports that plugin and no other.

    Returns a PyCapsule, the path of a shared library (str), or a Python-defined backend. Raises as
    `origin` does, and BackendError naming entry point, distribution and root cause if it is broken.
    """
    with _lock:
        if name not in _sources:
            plugin = origin(name)
            if not implements(plugin, "vidya_backend"):
                raise BackendError(
                    f"{plugin} is broken: it has no vidya_backend() hook; "
                    "define it there and mark it with @vidya.hookimpl"
                )
            with blamed(plugin):
                source = hooks(plugin).vidya_backend()
                if source is None:
                    raise TypeError(
                        "vidya_backend() returned None; it must return a PyCapsule, "
                        "the path of a shared library, or a Python-defined backend"
                    )
                _sources[name] = os.fspath(source) if isinstance(source, os.PathLike) else source
        return _sources[name]


def states(count: Callable[[str], int] | None = None) -> list[State]:
    """How every known device stands; `count(name)` counts its hardware, by default through `_core`.

    Imports every backend plugin; one that is broken is reported and harms no other.
    """
    return [_state(name, count or _count) for name in names()]


def _count(name: str) -> int:
    from .. import _core  # not at the top: everything else here needs no extension

    return _core.load_backend(load(name), origin(name).distribution).count()


def _state(name: str, count: Callable[[str], int]) -> State:
    try:
        plugin = origin(name)
    except BackendError as error:
        if is_installed(name):
            return State(name, BROKEN, reason=str(error))
        return State(name, NOT_INSTALLED, reason=_how_to_install(name))
    try:
        load(name)
        n = count(name)
    except Exception as error:  # the point of this list is to show what went wrong, for each
        return State(name, BROKEN, plugin=plugin, reason=root_cause(error))
    return State(name, READY if n else NO_HARDWARE, n, plugin)


def kernels_for(device: str) -> Kernels:
    """The kernels that plugins add to `device`: those of its owner first, then by distribution.

    A kernel plugin that is broken is left out whole, with a PluginWarning that says why.
    """
    with _lock:
        if device not in _kernels:
            collected = Kernels(device)
            for plugin, declared in _plugins_for(device):
                register = KernelRegister(device, declared, plugin.distribution)
                if _run_hook(plugin, "vidya_kernels", register):
                    collected.extend(register.kernels)
            _kernels[device] = collected
        return _kernels[device]


def tolerances_for(device: str) -> dict[tuple[str, str], Tolerance]:
    """The tolerances that plugins give for `device`, by op and dtype name.

    Rows of plugins that add kernels to the device replace the rows of its owner.
    """
    with _lock:
        if device not in _tolerances:
            rows: dict[tuple[str, str], Tolerance] = {}
            for plugin, declared in _plugins_for(device):
                register = ToleranceRegister(device, declared)
                if _run_hook(plugin, "vidya_tolerances", register):
                    rows.update(register.rows)
            _tolerances[device] = rows
        return _tolerances[device]


def _plugins_for(device: str) -> Iterable[tuple[Plugin, frozenset[str]]]:
    """The owner's plugin, then the kernel plugins, each with the devices it declares."""
    owner = origin(device)
    kernels = find(KERNELS)
    known = [owner, *find(BACKENDS), *kernels]
    for plugin in [owner, *(k for k in kernels if k.name == device and k.value != owner.value)]:
        same = (p.name for p in known if p.distribution == plugin.distribution)
        yield plugin, frozenset(same)


def _run_hook(plugin: Plugin, hook: str, register: Any) -> bool:
    try:
        with blamed(plugin):
            getattr(hooks(plugin), hook)(register=register)
    except BackendError as error:
        if plugin.group == BACKENDS:
            raise  # the device itself is broken
        warnings.warn(f"left out: {error}", PluginWarning, stacklevel=4)
        return False
    return True


def models() -> list[str]:
    """The names of all models, by their entry points; imports none."""
    return sorted({plugin.name for plugin in find(MODELS)})


def load_model(name: str) -> Any:
    """What the plugin of model `name` registers under that name; imports that plugin only.

    Raises ConfigError for an unknown name, BackendError if the plugin is broken.
    """
    claims = [plugin for plugin in find(MODELS) if plugin.name == name]
    if not claims:
        known = ", ".join(models()) or "none is installed"
        raise ConfigError(f"unknown model {name!r}{_did_you_mean(name, models())} Models: {known}")
    if len(claims) > 1:
        who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in claims)
        raise BackendError(f"model {name!r} is claimed by {who}: uninstall all but one of them")
    plugin = claims[0]
    register = ModelRegister()
    with blamed(plugin):
        hooks(plugin).vidya_models(register=register)
        if name not in register.models:
            given = ", ".join(register.models) or "nothing"
            raise LookupError(
                f"its vidya_models(register) hook registers {given}, not {name!r}; "
                "register the entry point's name, in a function marked with @vidya.hookimpl"
            )
    return register.models[name]


def forget() -> None:
    """Forget what was loaded, so that packages installed meanwhile are seen; unloads nothing."""
    with _lock:
        _sources.clear()
        _kernels.clear()
        _tolerances.clear()
        hooks.cache_clear()


def own_version() -> str:
    """The version of vidya-runtime itself."""
    try:
        return importlib.metadata.version("vidya-runtime")
    except importlib.metadata.PackageNotFoundError:
        return "from its source tree"


def _how_to_install(name: str) -> str:
    return FIRST_PARTY[name] or "it is not published yet"


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name).lower(), list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else "."


def _list_devices() -> str:
    listed = (n if is_installed(n) else f"{n} ({NOT_INSTALLED})" for n in names())
    return f"Devices: {', '.join(listed)}"
