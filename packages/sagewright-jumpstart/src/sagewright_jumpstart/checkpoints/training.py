"""Fine-tunes a model that marks the answer to a question in a text (`eqa`)."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from sagewright_jumpstart.checkpoints.questions import QuestionWindows, divide, read_questions, windows_of
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError, reported
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.outputs import save

_LARGEST_NORM = 1.0


def main() -> None:
    reported(_train)


def _train() -> None:
    job = FineTuningJob.from_environment()
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    tokenizer, model = _model(job)
    rows = read_questions(job.training)
    if job.validation is not None:
        kept, held = rows, read_questions(job.validation)
    else:
        kept, held = divide(rows, given.number("validation_split_ratio"), given.whole("seed"))
    length = min(given.whole("max_input_length"), int(model.config.max_position_embeddings))
    windows, checks = (windows_of(each, tokenizer, length) if each else None for each in (kept, held))
    assert windows is not None  # a channel has rows, and some of them are kept
    print(f"rows={len(kept)} windows={len(windows)} validation_rows={len(held)}", flush=True)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    run_epochs(QuestionTrainer(model, given, windows, checks), given)
    job.model_folder.mkdir(parents=True, exist_ok=True)
    model.eval().save_pretrained(job.model_folder)
    tokenizer.save_pretrained(job.model_folder)
    save(job.model_folder, job.pretrained, job.manifest)


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

    def __init__(self, model: Any, given: Hyperparameters, data: QuestionWindows, held: QuestionWindows | None) -> None:
        self._model, self._data, self._held, self._size = model, data, held, given.whole("batch_size")
        self._generator = torch.Generator().manual_seed(given.whole("seed"))
        self._optimizer = torch.optim.AdamW(
            model.parameters(), given.number("learning_rate"), weight_decay=given.number("weight_decay")
        )
        steps = given.whole("epochs") * -(-len(data) // self._size)
        warm = max(1, round(steps * given.number("warmup_ratio")))
        rate = lambda step: min((step + 1) / warm, max(0.05, (steps - step) / max(1, steps - warm)))  # noqa: E731
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, rate)

    def train_epoch(self) -> float:
        """Returns the mean loss."""
        self._model.train()
        total = 0.0
        for rows in torch.randperm(len(self._data), generator=self._generator).split(self._size):
            loss, _ = self._scored(self._data, rows)
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), _LARGEST_NORM)
            self._optimizer.step()
            self._schedule.step()
            total += float(loss.detach()) * len(rows)
        return total / len(self._data)

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
        return {name: each.detach().clone() for name, each in self._model.state_dict().items()}

    def restore(self, state: Any) -> None:
        self._model.load_state_dict(state)

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
