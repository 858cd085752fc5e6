"""Fine-tunes a model that marks the answer to a question in a text (`eqa`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sagewright_jumpstart.checkpoints.questions import QuestionWindows, divide, read_questions, windows_of
from sagewright_jumpstart.descent import Descent, pick_device, rising, trained_state
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.program import Fitting, halves, run_program


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    tokenizer, model = _model(job)
    kept, held = halves(job, read_questions, divide)
    length = min(given.whole("max_input_length"), int(model.config.max_position_embeddings))
    windows, checks = (windows_of(each, tokenizer, length) if each else None for each in (kept, held))
    assert windows is not None  # a channel has rows, and some of them are kept
    print(f"rows={len(kept)} windows={len(windows)} validation_rows={len(held)}", flush=True)
    model.to(pick_device())
    trainer = QuestionTrainer(model, given, windows, checks)

    def save(folder: Path) -> None:
        model.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return Fitting(lambda: run_epochs(trainer, given), save)


def _model(job: FineTuningJob) -> tuple[Any, Any]:
    """Returns the tokenizer and the model. No code of the checkpoint runs. Raises InputError."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers
    from safetensors import SafetensorError

    folder, options = (
        str(job.manifest.weights_folder(job.pretrained)),
        {"local_files_only": True, "trust_remote_code": False},
    )
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
        model = transformers.AutoModelForQuestionAnswering.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(f"the checkpoint of {job.manifest.id} does not load for questions: {error}") from error
    if not tokenizer.is_fast or tokenizer.pad_token is None:
        raise InputError(f"the checkpoint of {job.manifest.id} has no tokenizer.json with a padding token")
    return tokenizer, model


class QuestionTrainer:
    """Trains the two scores of each token: that the answer begins and that it ends there."""

    measure = "accuracy"

    def __init__(self, model: Any, given: Hyperparameters, data: QuestionWindows, held: QuestionWindows | None) -> None:
        self._model, self._data, self._held, self._size = model, data, held, given.whole("batch_size")
        self._generator = torch.Generator().manual_seed(given.whole("seed"))
        groups = [{"params": list(model.parameters()), "lr": given.number("learning_rate")}]
        self._descent = Descent(groups, given, rising(given, len(data)))

    def train_epoch(self) -> float:
        """Returns the mean loss."""
        self._model.train()
        order = torch.randperm(len(self._data), generator=self._generator)
        return self._descent.epoch(order.split(self._size), lambda rows: self._scored(self._data, rows)[0])

    @torch.inference_mode()
    def evaluate(self) -> tuple[float, float] | None:
        """Returns the loss and the share of windows whose answer is found exactly."""
        if self._held is None:
            return None
        self._model.eval()
        loss, right = 0.0, 0
        for rows in torch.arange(len(self._held)).split(self._size):
            part, exact = self._scored(self._held, rows)
            loss, right = loss + float(part) * len(rows), right + exact
        return loss / len(self._held), right / len(self._held)

    def state(self) -> Any:
        return trained_state(self._model)

    def restore(self, state: Any) -> None:
        self._model.load_state_dict(state, strict=False)

    def _scored(self, data: QuestionWindows, rows: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Returns the loss of the windows, and for how many both bounds are right."""
        device = self._model.device
        found = self._model(**{name: each[rows].to(device) for name, each in data.inputs.items()})
        starts, ends = data.starts[rows].to(device), data.ends[rows].to(device)
        loss = sum(
            nn.functional.cross_entropy(scores.float(), true)
            for scores, true in ((found.start_logits, starts), (found.end_logits, ends))
        )
        exact = (found.start_logits.argmax(1) == starts) & (found.end_logits.argmax(1) == ends)
        return torch.as_tensor(loss) / 2, int(exact.sum())
