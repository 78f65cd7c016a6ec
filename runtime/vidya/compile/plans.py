"""The plans of one compiled function: found again, bounded in number, and not made in silence."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from .entry import Entry

_MOST = 64
_MANY = 32


class RecompileWarning(UserWarning):
    """A compiled function is traced again and again."""


class Plans:
    """Entries by the kind of the arguments (`key`), and by what .grad the function finds."""

    def __init__(self) -> None:
        self._kinds: dict[Any, list[Entry]] = {}
        self._calls = 0
        self._made = 0

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def values(self) -> Iterator[Entry]:
        return (entry for entries in self._kinds.values() for entry in entries)

    def find(self, key: Any, tensors: list) -> tuple[Entry | None, bool]:
        """(the plan for such a call, or None; has one been dropped that was out of date?)"""
        self._calls += 1
        stale = []
        for entry in self._kinds.get(key, ()):
            if not entry.fresh():
                stale.append(entry)
            elif entry.fits(tensors):
                entry.used = self._calls
                return entry, False
        for entry in stale:
            self._kinds[key].remove(entry)
        return None, bool(stale)

    def add(self, key: Any, entry: Entry, name: str) -> None:
        """Keep a plan that was just made for `name`; drop the one whose last use is longest ago."""
        if len(self) >= _MOST:
            oldest = min(self.values(), key=lambda e: e.used)
            for entries in self._kinds.values():
                if oldest in entries:  # compared by identity
                    entries.remove(oldest)
            self._kinds = {k: entries for k, entries in self._kinds.items() if entries}
        entry.used = self._calls
        self._kinds.setdefault(key, []).append(entry)
        self._made += 1
        if self._made == _MANY:
            kinds = len(self._kinds)
            if kinds > _MANY // 2:
                why = f"for {kinds} kinds of arguments: pad them to a few shapes, or compile less"
            else:
                why = (
                    "because what it uses from outside keeps changing: shapes of its tensors, "
                    "weights of an inference plan, parameters of its optimizer"
                )
            text = f"{name} has been traced {_MANY} times, {why}"
            warnings.warn(text, RecompileWarning, stacklevel=4)
