"""Epochs of a network's fine-tuning: metrics in the job's log, early stopping, and the best epoch's weights at the end."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters


class EpochTrainer(Protocol):
    """`state` copies what is trained, `restore` puts it back. `measure`: the word for what `evaluate` returns beside the loss."""

    measure: str

    def train_epoch(self) -> float:
        """Returns the mean loss."""
        ...

    def evaluate(self) -> tuple[float, float] | None:
        """Returns the validation's loss and measure; None without such data."""
        ...

    def state(self) -> Any: ...

    def restore(self, state: Any) -> None: ...


def run_epochs(trainer: EpochTrainer, given: Hyperparameters) -> None:
    """Prints a line for each epoch, whose words the metric definitions read. Raises InputError for a loss that is not a number."""
    patience = given.whole("early_stopping_patience") if given.flag("early_stopping") else math.inf
    threshold = given.number("early_stopping_threshold")
    best_loss, goal, waited, state, best_epoch = math.inf, math.inf, 0, None, 0
    for epoch in range(1, given.whole("epochs") + 1):
        started = time.monotonic()
        loss = trainer.train_epoch()
        if not math.isfinite(loss):
            raise InputError(
                f"hyperparameter learning_rate: the loss of epoch {epoch} is {loss}; choose a smaller rate"
            )
        found = trainer.evaluate()
        words = f"epoch={epoch} train_loss={loss:.4f}"
        if found is None:
            print(f"{words} seconds={time.monotonic() - started:.1f}", flush=True)
            continue
        held_loss, reached = found
        words += f" validation_loss={held_loss:.4f} validation_{trainer.measure}={reached:.4f}"
        print(f"{words} seconds={time.monotonic() - started:.1f}", flush=True)
        if held_loss < best_loss or state is None:
            best_loss, best_epoch, state = held_loss, epoch, trainer.state()
        waited = 0 if goal - held_loss > threshold else waited + 1
        goal = held_loss if waited == 0 else goal
        if waited >= patience:
            print(f"early stopping: no better validation loss in {waited} epochs", flush=True)
            break
    if state is not None:
        trainer.restore(state)
        print(f"the weights are those of epoch {best_epoch}", flush=True)
