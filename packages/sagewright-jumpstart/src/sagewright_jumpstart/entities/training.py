"""Fine-tunes the recognizer of entities."""

from __future__ import annotations

from typing import Any

import spacy
from spacy.training import Example
from spacy.util import fix_random_seed

from sagewright_jumpstart.entities.data import divide, labels_of, read_marked
from sagewright_jumpstart.entities.loop import RECOGNIZER, EntityTrainer, examples_of
from sagewright_jumpstart.entities.pipeline import load_pipeline
from sagewright_jumpstart.epochs import run_epochs
from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.job import FineTuningJob
from sagewright_jumpstart.program import Fitting, halves, run_program


def main() -> None:
    run_program(_prepare)


def _prepare(job: FineTuningJob) -> Fitting:
    given = job.hyperparameters
    fix_random_seed(given.whole("seed"))
    data, held = halves(job, read_marked, divide)
    labels, unknown = labels_of(data), set(labels_of(held)) - set(labels_of(data))
    if job.validation is not None and unknown:
        raise InputError(f"channel validation: the label {min(unknown)} does not occur in the channel training")
    pipeline = load_pipeline(job.manifest, job.pretrained)
    examples, checks = (examples_of(pipeline, texts) for texts in (data, held))
    kept = set_labels(pipeline, labels, given.text("reinitialize_top_layer"), examples)
    counts = f"texts={len(data)} validation_texts={len(held)} labels={len(labels)}"
    print(f"{counts} top_layer={'kept' if kept else 'new'}", flush=True)
    trainer = EntityTrainer(pipeline, given, examples, checks)

    def train() -> None:
        run_epochs(trainer, given)
        trainer.print_scores()

    return Fitting(train, pipeline.to_disk)


def set_labels(pipeline: spacy.Language, labels: list[str], reinitialize: str, examples: list[Example]) -> bool:
    """Gives the recognizer the labels: it keeps its top layer, and learns those that it lacks beside its own, or it gets a new one
    for them alone. Returns whether it was kept."""
    recognizer: Any = pipeline.get_pipe(RECOGNIZER)
    keeps = set(labels) <= set(recognizer.labels) if reinitialize == "Auto" else reinitialize == "False"
    if keeps:
        for label in labels:
            recognizer.add_label(label)
        return True
    vectors = recognizer.model.get_ref("tok2vec").to_bytes()
    settings = {name: value for name, value in pipeline.get_pipe_config(RECOGNIZER).items() if name != "factory"}
    made: Any = pipeline.replace_pipe(RECOGNIZER, RECOGNIZER, config=settings)
    for label in labels:
        made.add_label(label)
    made.initialize(lambda: examples, nlp=pipeline)
    made.model.get_ref("tok2vec").from_bytes(vectors)
    return False
