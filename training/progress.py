"""Progress of a training run: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as RemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

LINE_SECONDS = 30.0
"""Seconds between progress lines where there is no terminal."""


class ProgressReport(TrainerCallback):
    """Shows steps, loss and the time left; keeps the loss of every step."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._started = 0.0
        self._first_step = 0
        self._last_line = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Open the bar."""
        self._started = self._last_line = time.monotonic()
        self._first_step = state.global_step
        if not state.is_world_process_zero or not self._console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            RemainingColumn(),
            console=self._console,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            "", total=state.max_steps, completed=state.global_step, loss="…"
        )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Show the newest loss."""
        loss = (logs or {}).get("loss")
        if loss is None or not state.is_world_process_zero:
            return
        if self._bar is not None:
            self._bar.update(self._task, completed=state.global_step, loss=f"{loss:.3f}")
        elif time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(self._line(state, loss), highlight=False)

    def _line(self, state: TrainerState, loss: float) -> str:
        done = state.global_step - self._first_step
        pace = (time.monotonic() - self._started) / max(1, done)
        left = pace * (state.max_steps - state.global_step)
        return (
            f"training: step {state.global_step} of {state.max_steps}, loss {loss:.3f}, "
            f"about {left / 60:.1f} min left"
        )

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Close the bar, also after an error."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
