"""Looking at what was made of a function."""

from __future__ import annotations

import os
from typing import Any

from ..errors import TraceError
from .entry import Entry
from .explain import explain
from .graphviz import graphs
from .page import page
from .plans import Plans
from .profile import Profile


class Looks:
    """The part of Compiled that shows its plans."""

    __name__: str
    entries: Plans

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _entry(self, args: tuple, kwargs: dict) -> tuple[list, list, Entry]:
        raise NotImplementedError

    def _run(self, entry: Entry, tensors: list, numbers: list) -> Any:
        raise NotImplementedError

    def profile(self, *args: Any, runs: int = 3, **kwargs: Any) -> Profile:
        """Call the function `runs` times with every kernel timed; str() of it is a table.

        These are true calls: they train, write caches and draw random numbers. Kernels are slower
        than in a plain run by the time that it takes to empty the device's queue after each.
        """
        self(*args, **kwargs)
        tensors, numbers, entry = self._entry(args, kwargs)
        if entry.replay is None:
            raise TraceError(f"profile: {entry.capture.device} cannot replay this plan")
        entry.replay.measure(True)
        try:
            for _ in range(runs):
                self._run(entry, tensors, numbers)
            entry.times = [s / runs for s in entry.replay.seconds()]
        finally:
            entry.replay.measure(False)
        return Profile(self.__name__, entry.capture.nodes, entry.times)

    def explain(self, html: str | os.PathLike[str] | None = None) -> str:
        """What was made of the function: kernels, what passes saved, memory, time to compile.

        html: also write a page with pictures there, which a browser shows without a network.
        After `profile` both have the time of every kernel.
        """
        if html is not None:
            with open(html, "w", encoding="utf-8") as file:
                file.write(self.html())
        plans = [explain(self.__name__, entry) for entry in self.entries.values()]
        return "\n\n".join(plans) or f"{self.__name__} has no plan: it has not been called yet"

    def html(self) -> str:
        """A page that shows each plan: its kernels, what became one, memory over time."""
        return page(self.__name__, list(self.entries.values()))

    def dot(self) -> str:
        """The graphs of all plans in Graphviz's language; `dot -Tsvg` draws them."""
        return graphs(self.__name__, list(self.entries.values()))
