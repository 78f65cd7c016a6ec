"""Plugins as the installed distributions declare them, each found and loaded on its own.

A plugin is what an entry point names: a module, or any object, with functions marked
`@vidya.hookimpl`. Each gets a pluggy manager to itself, so that no plugin is asked, and none can
fail, on behalf of another.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pluggy

from ..errors import BackendError, VidyaError
from . import hookspecs


class PluginWarning(UserWarning):
    """A plugin was left out because it is broken."""


@dataclass(frozen=True)
class Plugin:
    """An entry point and the distribution that declares it; nothing of it is imported yet."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return (
            f"entry point '{self.name} = {self.value}' in group {self.group} "
            f"of {self.distribution} {self.version}"
        )


def find(group: str) -> list[Plugin]:
    """All plugins of an entry-point group, by name; imports none of them.

    A distribution whose metadata cannot be read is left out with a PluginWarning.
    """
    found = []
    seen = set()
    for distribution in importlib.metadata.distributions():
        if f"[{group}]" not in (distribution.read_text("entry_points.txt") or ""):
            continue  # parsing the metadata of everything installed would take too long
        name = distribution.metadata["Name"] or "a distribution without a name"
        # The first on sys.path hides the later ones, as it does for imports.
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            points = list(distribution.entry_points.select(group=group))
        except (ValueError, TypeError, KeyError) as error:
            warnings.warn(
                f"the entry_points.txt of {name} cannot be read ({error}); "
                f"its plugins are left out: reinstall {name}",
                PluginWarning,
                stacklevel=2,
            )
            continue
        version = distribution.version or "without a version"
        found += [Plugin(group, point.name, point.value, name, version) for point in points]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.distribution))


@functools.cache
def hooks(plugin: Plugin) -> pluggy.HookRelay:
    """Import one plugin and return the hooks that it implements.

    Raises BackendError naming entry point, distribution and root cause. Failures are not cached.
    """
    with blamed(plugin):
        point = importlib.metadata.EntryPoint(plugin.name, plugin.value, plugin.group)
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(point.load(), name=plugin.name)
        manager.check_pending()  # a hook that vidya does not have is a misspelt one
        return manager.hook


def implements(plugin: Plugin, hook: str) -> bool:
    """Whether the plugin has that hook; imports it."""
    return bool(getattr(hooks(plugin), hook).get_hookimpls())


@contextlib.contextmanager
def blamed(plugin: Plugin) -> Iterator[None]:
    """Turn whatever the plugin raises into a BackendError that names the plugin."""
    try:
        yield
    except BackendError:
        raise
    except (Exception, SystemExit) as error:  # SystemExit: an import must not end the program
        raise BackendError(
            f"{plugin} is broken: {root_cause(error)}; repair it with "
            f"`pip install --force-reinstall {plugin.distribution}` or remove it with "
            f"`pip uninstall {plugin.distribution}`"
        ) from error


def root_cause(error: BaseException) -> str:
    """The first failure in a chain of exceptions, as one line."""
    seen = {id(error)}
    while True:
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None or id(earlier) in seen:
            break
        seen.add(id(earlier))
        error = earlier
    text = " ".join(str(error).split())
    if isinstance(error, VidyaError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
