"""Progress of training on stderr with an estimate: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any

LINE_EVERY = 15.0  # seconds


class Progress:
    """A context manager; call it with (stage, step, steps). Only the first of several processes shows anything."""

    def __init__(self) -> None:
        self.loss: float | None = None
        self._shown = os.environ.get("RANK", "0") == "0"
        self._bar: Any = None
        self._task: Any = None
        self._first: tuple[float, int] | None = (
            None  # when the first step was seen, and which: a resumed run's is not 1
        )
        self._said = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, step: int, steps: int) -> None:
        if not self._shown:
            return
        now = time.monotonic()
        self._first = self._first or (now, step)
        loss = "" if self.loss is None else f", loss {self.loss:.3f}"
        if sys.stderr.isatty():
            self._draw(f"{stage}{loss}", step, steps)
        elif now - self._said >= LINE_EVERY:
            self._said = now
            since, first = self._first
            left = (now - since) / max(1, step - first) * (steps - step)
            print(
                f"{stage}: step {step:,} of {steps:,}{loss}, about {int(left) // 60}:{int(left) % 60:02d} left",
                file=sys.stderr,
                flush=True,
            )

    def _draw(self, text: str, step: int, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(text, total=steps)
        self._bar.update(self._task, description=text, completed=step, total=steps)
