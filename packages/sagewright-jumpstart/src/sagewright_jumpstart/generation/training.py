"""Trains a small language model from texts, or goes on with one: all weights, or low-rank adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from sagewright_jumpstart.descent import Descent, pick_device, rising, trained_state
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.generation.data import blocks_of, read_texts
from sagewright_jumpstart.generation.small import make_model, make_tokenizer
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.lora import adapt, merge
from sagewright_jumpstart.program import Fitting, halves, run_program

_ADAPTED = frozenset({"q_proj", "v_proj"})


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    texts = read_texts(job.training)
    tokenizer, model, fresh = _model(job, texts)
    length = given.whole("max_input_length")
    if length > model.config.max_position_embeddings:
        raise InputError(
            f"hyperparameter max_input_length: at most {model.config.max_position_embeddings}, not {length}"
        )
    read = lambda folder: blocks_of(texts if folder == job.training else read_texts(folder), tokenizer, length)  # noqa: E731
    rows, held = halves(job, read, _divide)
    if given.text("peft_type") == "lora":
        if fresh:
            raise InputError(
                "hyperparameter peft_type: lora adapts a trained model, and the channel model has no weights yet"
            )
        adapt(model, _ADAPTED, given.whole("lora_r"), given.number("lora_alpha"), given.number("lora_dropout"))
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    print(
        f"tokens={rows.numel()} validation_tokens={held.numel()} vocabulary={len(tokenizer)} trained parameters={trained}",
        flush=True,
    )
    model.to(pick_device())

    def train() -> None:
        run_epochs(LanguageTrainer(model, given, rows, held), given)
        merge(model.eval())

    def save(folder: Path) -> None:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return Fitting(train, save)


def _divide(rows: torch.Tensor, share: float, _seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the first blocks and the last ones, which are other texts."""
    count = min(len(rows) - 1, round(len(rows) * share))
    return rows[: len(rows) - count], rows[len(rows) - count :]


def _model(job: FineTuningJob, texts: list[str]) -> tuple[Any, Any, bool]:
    """Returns the tokenizer, the model, and whether they are new."""
    weights = job.manifest.weights_folder(job.pretrained)
    if (weights / "config.json").is_file():
        options = {"local_files_only": True, "trust_remote_code": False}
        model = AutoModelForCausalLM.from_pretrained(weights, use_safetensors=True, dtype=torch.float32, **options)
        return AutoTokenizer.from_pretrained(weights, **options), model, False
    tokenizer = make_tokenizer(texts, job.hyperparameters.whole("vocabulary_size"))
    return tokenizer, make_model(job.manifest.settings, tokenizer), True


class LanguageTrainer:
    """Trains on blocks of tokens, each predicted from those before it."""

    measure = "accuracy"

    def __init__(self, model: Any, given: Hyperparameters, rows: torch.Tensor, held: torch.Tensor) -> None:
        self._model, self._rows, self._held, self._size = model, rows, held, given.whole("batch_size")
        self._generator = torch.Generator().manual_seed(given.whole("seed"))
        trained = [each for each in model.parameters() if each.requires_grad]
        groups = [{"params": trained, "lr": given.number("learning_rate")}]
        self._descent = Descent(groups, given, rising(given, len(rows)))

    def train_epoch(self) -> float:
        self._model.train()
        order = torch.randperm(len(self._rows), generator=self._generator)
        return self._descent.epoch(order.split(self._size), lambda rows: self._loss(self._rows[rows]))

    @torch.inference_mode()
    def evaluate(self) -> tuple[float, float] | None:
        """Returns the loss and the share of tokens that the model would have guessed."""
        self._model.eval()
        if not len(self._held):
            return None
        loss, right = 0.0, 0
        for rows in self._held.split(self._size):
            part = rows.to(self._model.device)
            scores = self._model(input_ids=part[:, :-1]).logits
            loss += float(nn.functional.cross_entropy(scores.flatten(0, 1).float(), part[:, 1:].flatten())) * len(rows)
            right += int((scores.argmax(2) == part[:, 1:]).sum())
        return loss / len(self._held), right / (len(self._held) * (self._held.shape[1] - 1))

    def state(self) -> Any:
        return trained_state(self._model)

    def restore(self, state: Any) -> None:
        self._model.load_state_dict(state, strict=False)

    def _loss(self, rows: torch.Tensor) -> torch.Tensor:
        part = rows.to(self._model.device)
        scores = self._model(input_ids=part[:, :-1]).logits
        return nn.functional.cross_entropy(scores.flatten(0, 1).float(), part[:, 1:].flatten())
