"""Showing how a run goes: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from ..train import Record

_REFRESH = 0.1  # seconds between two changes of the bar


class Display(Protocol):
    """A `with` block that is told each record."""

    def __enter__(self) -> Display: ...
    def __exit__(self, *exc) -> None: ...
    def show(self, record: Record) -> None: ...


def display(first: int, steps: int, digits: int) -> Display:
    """A display for a run that has done `first` of its `steps`; losses get `digits` decimals."""
    kind = Bar if sys.stdout.isatty() else Lines
    return kind(first, steps, digits)


class _Speed:
    """Tokens per second and the time left, over the whole run so far."""

    def __init__(self, first: int, steps: int) -> None:
        self.first, self.steps = first, steps
        self.began = time.perf_counter()
        self.tokens = 0

    def add(self, record: Record) -> None:
        self.tokens += record.tokens

    def text(self, step: int) -> str:
        passed = time.perf_counter() - self.began
        left = passed / (step - self.first) * (self.steps - step)
        minutes, seconds = divmod(round(left), 60)
        return f"{self.tokens / passed:,.0f} tokens/s  ETA {minutes}:{seconds:02d}"


class Lines:
    """One line for the first two steps, the last, and some twenty between."""

    def __init__(self, first: int, steps: int, digits: int) -> None:
        self.first, self.steps, self.digits = first, steps, digits
        self.every = max(1, steps // 20)
        self.speed = _Speed(first, steps)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc) -> None:
        pass

    def show(self, record: Record) -> None:
        self.speed.add(record)
        step = record.step
        if step <= self.first + 2 or step % self.every == 0 or step == self.steps:
            loss = f"{record.loss:.{self.digits}f}"
            tail = self.speed.text(step)
            print(f"step {step}/{self.steps}  loss {loss}  lr {record.lr:.6g}  {tail}", flush=True)


class Bar:
    """A bar with loss, learning rate, speed and time left."""

    def __init__(self, first: int, steps: int, digits: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self.steps, self.digits = steps, digits
        self.speed = _Speed(first, steps)
        self.bar = Progress(
            TextColumn("{task.completed}/{task.total}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            auto_refresh=False,
        )
        self.task = self.bar.add_task("", total=steps, completed=first, text="")
        self.next_refresh = 0.0

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *exc) -> None:
        self.bar.refresh()
        self.bar.stop()

    def show(self, record: Record) -> None:
        self.speed.add(record)
        now = time.perf_counter()
        if now < self.next_refresh and record.step != self.steps:
            return
        self.next_refresh = now + _REFRESH
        text = f"loss {record.loss:.4f}  lr {record.lr:.3g}  {self.speed.text(record.step)}"
        self.bar.update(self.task, completed=record.step, text=text)
        self.bar.refresh()
