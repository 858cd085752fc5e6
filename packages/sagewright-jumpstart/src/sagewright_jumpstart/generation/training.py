"""Trains a small language model from texts, or goes on with one: all weights, or low-rank adapters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError, reported
from sagewright_jumpstart.generation.data import blocks_of, read_texts
from sagewright_jumpstart.generation.small import make_model, make_tokenizer
from sagewright_jumpstart.hyperparameters import Hyperparameters
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.lora import adapt, merge
from sagewright_jumpstart.outputs import save

_ADAPTED = frozenset({"q_proj", "v_proj"})
_LARGEST_NORM = 1.0


def main() -> None:
    reported(_train)


def _train() -> None:
    job = FineTuningJob.from_environment()
    given = job.hyperparameters
    torch.manual_seed(given.whole("seed"))
    texts = read_texts(job.training)
    tokenizer, model, fresh = _model(job, texts)
    length = given.whole("max_input_length")
    if length > model.config.max_position_embeddings:
        raise InputError(
            f"hyperparameter max_input_length: at most {model.config.max_position_embeddings}, not {length}"
        )
    rows = blocks_of(texts, tokenizer, length)
    if job.validation is not None:
        held = blocks_of(read_texts(job.validation), tokenizer, length)
    else:
        count = min(len(rows) - 1, round(len(rows) * given.number("validation_split_ratio")))
        rows, held = rows[: len(rows) - count], rows[len(rows) - count :]
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
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    run_epochs(LanguageTrainer(model, given, rows, held), given)
    merge(model)
    job.model_folder.mkdir(parents=True, exist_ok=True)
    model.eval().save_pretrained(job.model_folder)
    tokenizer.save_pretrained(job.model_folder)
    save(job.model_folder, job.pretrained, job.manifest)


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

    def __init__(self, model: Any, given: Hyperparameters, rows: torch.Tensor, held: torch.Tensor) -> None:
        self._model, self._rows, self._held, self._size = model, rows, held, given.whole("batch_size")
        self._generator = torch.Generator().manual_seed(given.whole("seed"))
        trained = [each for each in model.parameters() if each.requires_grad]
        self._optimizer = torch.optim.AdamW(
            trained, given.number("learning_rate"), weight_decay=given.number("weight_decay")
        )
        steps = given.whole("epochs") * -(-len(rows) // self._size)
        warm = max(1, round(steps * given.number("warmup_ratio")))
        rate = lambda step: min((step + 1) / warm, max(0.05, (steps - step) / max(1, steps - warm)))  # noqa: E731
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, rate)

    def train_epoch(self) -> float:
        self._model.train()
        total = 0.0
        for rows in torch.randperm(len(self._rows), generator=self._generator).split(self._size):
            loss = self._loss(self._rows[rows])
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), _LARGEST_NORM)
            self._optimizer.step()
            self._schedule.step()
            total += float(loss.detach()) * len(rows)
        return total / len(self._rows)

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
        return {name: each.detach().clone() for name, each in self._model.named_parameters() if each.requires_grad}

    def restore(self, state: Any) -> None:
        self._model.load_state_dict(state, strict=False)

    def _loss(self, rows: torch.Tensor) -> torch.Tensor:
        part = rows.to(self._model.device)
        scores = self._model(input_ids=part[:, :-1]).logits
        return nn.functional.cross_entropy(scores.flatten(0, 1).float(), part[:, 1:].flatten())
