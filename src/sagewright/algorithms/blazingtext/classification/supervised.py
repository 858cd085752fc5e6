"""The text classifier: selects the solver and writes `model.bin`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.blazingtext import modelfile, reading
from sagewright.algorithms.blazingtext.classification import convex, descent
from sagewright.algorithms.blazingtext.classification.examples import Examples, Labelled, Language, examples, language
from sagewright.algorithms.blazingtext.modelfile import Arguments, Dense, ModelFile
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.session import Session

NAME = "model.bin"
STEPWISE = ("early_stopping", "epochs", "learning_rate")
"""Hyperparameters that only the step-by-step solver uses: that solver runs if one of them differs from its default."""
BYTES_A_COUNT = 40
"""Memory, in bytes, of a row of a text, while counting and in the solvers."""


def train(run: Session) -> None:
    """Trains and writes `model.bin`."""
    text = reading.read(run.job, "train")
    words = run.values["word_ngrams"]
    _require(len(text.ids) * words * BYTES_A_COUNT, "smaller word_ngrams")
    labelled = Labelled(text)
    buckets = run.values["buckets"] if "buckets" in run.chosen else None
    known = language(labelled, run.values["min_count"], words, buckets)
    train = examples(labelled, known, "train")
    validation = _validation(run, known)
    solver, why = choice(run.values, run.chosen, len(known.labels))
    logging.info(
        "%d texts, %d words, %d labels, %d buckets",
        len(train),
        len(known.words),
        len(known.labels),
        known.grams.buckets,
    )
    run.solver(solver, *(["ngrams"] if words > 1 else []))
    logging.info("It runs because %s.", why)
    stops = run.values["early_stopping"]
    if stops and validation is None:
        logging.info("Nothing is stopped early: early_stopping needs a channel validation.")
    width = len(known.labels) if solver == "convex" else run.values["vector_dim"]
    used = len(np.unique(train.counts.indices))
    _require(3 * 4 * used * width + 5 * len(train) * len(known.labels), "a smaller vector_dim or a larger min_count")
    if solver == "convex":
        found: convex.Fit | descent.Fit = convex.fit(train, len(known.words), np.random.default_rng(run.seed))
    else:
        found = descent.fit(run, train, validation if stops else None)
    logging.info("#train_accuracy: %.6g", train.accuracy(found.scores(train.counts)))
    logging.info("Number of train examples: %d", len(train))
    if validation is not None:
        logging.info("#validation_accuracy: %.6g", validation.accuracy(found.scores(validation.counts)))
        logging.info("Number of validation examples: %d", len(validation))
    if isinstance(found, convex.Fit) and found.ratio is not None:
        logging.info("#baseline_ratio: %.6g", found.ratio)
        baseline.warn(found.ratio)
    save(run, known, found)


def _require(size: float, remedy: str) -> None:
    memory.require(size, "the classifier", f"{remedy[0].upper()}{remedy[1:]} takes less.")


def choice(values: Mapping[str, Any], chosen: frozenset[str], labels: int) -> tuple[str, str]:
    """The solver and the reason for choosing it. Raises UserError if the requested solver can't run."""
    width, asked = values["vector_dim"], values["_solver"]
    if asked == "convex" and width < labels:
        raise UserError(
            f"_solver is convex, which needs vector_dim {labels} for as many labels, and vector_dim is {width}"
        )
    if asked != "auto":
        return asked, f"_solver is {asked}"
    if width < labels:
        return "sgd", f"vector_dim {width} is smaller than the number of labels, {labels}"
    if stepwise := [name for name in STEPWISE if name in chosen]:
        return "sgd", f"{', '.join(stepwise)} differ{'s' if len(stepwise) == 1 else ''} from the default"
    return "convex", f"vector_dim {width} has room for {labels} labels, and {', '.join(STEPWISE)} are at their defaults"


def _validation(run: Session, known: Language) -> Examples | None:
    if "validation" not in run.job.channels:
        logging.info("Validation data is not provided.")
        return None
    return examples(Labelled(reading.read(run.job, "validation")), known, "validation")


def save(run: Session, known: Language, found: convex.Fit | descent.Fit) -> None:
    """Writes the model as fastText's own file, with the buckets' rows."""
    if isinstance(found, convex.Fit):
        inputs, outputs = found.weights, np.eye(found.weights.shape[1], dtype=np.float32)
    else:
        inputs, outputs = found.inputs, found.outputs
    values = run.values
    arguments = Arguments(
        dim=inputs.shape[1],
        epoch=values["epochs"],
        minCount=values["min_count"],
        wordNgrams=values["word_ngrams"],
        bucket=known.grams.buckets,
    )
    model = ModelFile(arguments, known.words, known.labels, known.grams, Dense(inputs), Dense(outputs))
    tokens = int(known.words.counts.sum() + known.labels.counts.sum())
    modelfile.write(run.job.model_directory / NAME, model, tokens, found.used)
