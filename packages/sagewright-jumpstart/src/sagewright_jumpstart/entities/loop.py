"""One epoch of the recognizer's training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import spacy
from spacy.training import Example
from thinc.api import Adam, warmup_linear

from sagewright_jumpstart.entities.data import MarkedText
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.hyperparameters import Hyperparameters

RECOGNIZER = "ner"
_LARGEST_NORM = 1.0


def examples_of(pipeline: spacy.Language, texts: Sequence[MarkedText]) -> list[Example]:
    """Returns what the recognizer learns from. Entities whose ends are inside tokens are neither taught nor unlearnt. Raises
    InputError if there is no other."""
    made, cut, all_ = [], 0, 0
    for each in texts:
        truth = pipeline.make_doc(each.text)
        spans = [truth.char_span(*entity) for entity in each.entities]
        within = [
            truth.char_span(*entity, alignment_mode="expand")
            for entity, span in zip(each.entities, spans, strict=True)
            if span is None
        ]
        truth.set_ents([span for span in spans if span is not None], missing=within, default="outside")
        made.append(Example(pipeline.make_doc(each.text), truth))
        cut, all_ = cut + len(within), all_ + len(spans)
    if cut:
        print(f"entities={all_} of which {cut} begin or end inside a token and are left out", flush=True)
    if cut and cut == all_:
        raise InputError(f"{texts[0].place}: no entity begins and ends with a token; positions count characters from 0")
    return made


def _unlearnt(_key: Any, weights: Any, gradient: Any) -> tuple[Any, Any]:
    """Drops a gradient that only the loss was wanted of."""
    return weights, gradient * 0


class EntityTrainer:
    measure = "f1"

    def __init__(
        self, pipeline: spacy.Language, given: Hyperparameters, data: Sequence[Example], held: Sequence[Example]
    ) -> None:
        self._pipeline, self._given, self._data, self._held = pipeline, given, list(data), list(held)
        self._recognizer: Any = pipeline.get_pipe(RECOGNIZER)
        self._generator = random.Random(given.whole("seed"))  # noqa: S311 - it shuffles
        steps = given.whole("epochs") * -(-len(data) // given.whole("batch_size"))
        warm = max(1, round(steps * given.number("warmup_ratio")))
        self._optimizer = Adam(
            warmup_linear(given.number("learning_rate"), warm, steps + 1),
            L2=given.number("weight_decay"),
            L2_is_weight_decay=True,
            grad_clip=_LARGEST_NORM,
        )

    def train_epoch(self) -> float:
        """Returns the mean loss of a text."""
        losses: dict[str, float] = {}
        size = self._given.whole("batch_size")
        self._generator.shuffle(self._data)
        for start in range(0, len(self._data), size):
            self._recognizer.update(
                self._data[start : start + size],
                drop=self._given.number("dropout_rate"),
                sgd=self._optimizer,
                losses=losses,
            )
            self._optimizer.step_schedules()
        return losses[RECOGNIZER] / len(self._data)

    def evaluate(self) -> tuple[float, float] | None:
        """Returns the loss of a text, and F1 of the entities."""
        if not self._held:
            return None
        losses: dict[str, float] = {}
        drawn = random.getstate()  # spaCy's cut of long texts draws from it
        for start in range(0, len(self._held), self._given.whole("batch_size")):
            part = self._held[start : start + self._given.whole("batch_size")]
            self._recognizer.update(part, drop=0.0, losses=losses)
        random.setstate(drawn)
        self._recognizer.model.finish_update(_unlearnt)
        return losses[RECOGNIZER] / len(self._held), self._scores()["ents_f"] or 0.0

    def state(self) -> bytes:
        return bytes(self._recognizer.model.to_bytes())

    def restore(self, state: bytes) -> None:
        self._recognizer.model.from_bytes(state)

    def print_scores(self) -> None:
        """Prints precision, recall and F1 of each label in the validation data."""
        for label, found in sorted((self._scores()["ents_per_type"] or {}).items() if self._held else ()):
            words = " ".join(
                f"{name}={found[key]:.4f}" for name, key in (("precision", "p"), ("recall", "r"), ("f1", "f"))
            )
            print(f"label {label}: {words}", flush=True)

    def _scores(self) -> dict[str, Any]:
        return self._pipeline.evaluate(
            [Example(self._pipeline.make_doc(each.text), each.reference) for each in self._held]
        )
