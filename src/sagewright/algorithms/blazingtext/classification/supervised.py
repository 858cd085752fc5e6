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
from sagewright.algorithms.blazingtext.vocabulary import END
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows import memory
from sagewright.algorithms.firstparty.session import Session

NAME = "model.bin"
STEPWISE = ("early_stopping", "epochs", "learning_rate")
"""Hyperparameters that only the step-by-step solver uses: that solver runs if one of them differs from its default."""
SHORT = 200_000
"""A text of at most so many words keeps them all where min_count has its default."""
MOST_LABELS, MOST_STEPS = 1000, 1_000_000_000
"""Limits of the convex solver where there are more labels than vector_dim's default: labels, and steps of a pass (a minute)."""
BYTES_A_COUNT = 40
"""Memory, in bytes, of a row of a text, while counting and in the solvers."""


def train(run: Session) -> None:
    """Trains and writes `model.bin`."""
    text = reading.read(run.job, "train")
    words = run.values["word_ngrams"]
    _require(len(text.ids) * words * BYTES_A_COUNT, "smaller word_ngrams")
    labelled = Labelled(text)
    buckets = run.values["buckets"] if "buckets" in run.chosen else None
    labels = int((labelled.is_label & (labelled.counts > 0)).sum())
    singles = choice(run.values, run.chosen, labels)[0] == "sgd"  # convex leaves out n-grams of one text
    known = language(labelled, _least(run, labelled), words, buckets, singles=singles)
    train = examples(labelled, known, "train")
    validation = _validation(run, known)
    solver, why = choice(run.values, run.chosen, len(known.labels), train.counts.nnz)
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
        end = known.words.places.get(END, -1)
        found: convex.Fit | descent.Fit = convex.fit(train, len(known.words), np.random.default_rng(run.seed), end)
    else:
        found = descent.fit(run, train, validation if stops else None)
    logging.info("#train_accuracy: %.6g", train.accuracy(found.scores(train.counts)))
    logging.info("Number of train examples: %d", len(train))
    if validation is not None:
        logging.info("#validation_accuracy: %.6g", validation.accuracy(found.scores(validation.counts)))
        logging.info("Number of validation examples: %d", len(validation))
    if isinstance(found, convex.Fit) and found.ratio is not None:
        logging.info("#baseline_ratio: %.6g", found.ratio)
    save(run, known, found)


def _least(run: Session, text: Labelled) -> int:
    """How often a word must occur: at the default, a short text's rare words count too, since they are most of what it has."""
    if "min_count" in run.chosen or len(text.words) > SHORT:
        return int(run.values["min_count"])
    logging.info(
        "The text has %d words, so that those count that occur once: min_count is at its default.", len(text.words)
    )
    return 1


def _require(size: float, remedy: str) -> None:
    memory.require(size, "the classifier", f"{remedy[0].upper()}{remedy[1:]} takes less.")


def choice(values: Mapping[str, Any], chosen: frozenset[str], labels: int, counts: int = 0) -> tuple[str, str]:
    """The solver and the reason for choosing it. `counts`: stored counts of all texts. Raises UserError if convex can't run."""
    width, asked = values["vector_dim"], values["_solver"]
    if "vector_dim" not in chosen and labels <= MOST_LABELS and labels * counts <= MOST_STEPS:
        width = max(width, labels)
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
