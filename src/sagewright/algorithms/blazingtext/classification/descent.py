"""fastText's own text classifier: epochs of stochastic gradient descent, with early stopping."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sagewright.algorithms.blazingtext import progress
from sagewright.algorithms.blazingtext.classification import descentkernel
from sagewright.algorithms.blazingtext.classification.examples import Examples
from sagewright.algorithms.firstparty.session import Session


@dataclass(frozen=True)
class Fit:
    """`inputs` (m, d) float32 of the sorted rows `used` (m,); other rows are zero. `outputs` (labels, d)."""

    used: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    def scores(self, counts: sparse.csr_array) -> np.ndarray:
        sums = np.asarray(counts[:, self.used] @ self.inputs)
        found: np.ndarray = (sums / np.maximum(counts.sum(axis=1), 1)[:, None]) @ self.outputs.T
        return found

    def copy(self) -> Fit:
        return Fit(self.used, self.inputs.copy(), self.outputs.copy())


class Patience:
    """Decides when to stop: after `patience` epochs without a better accuracy, but not before the minimum number of epochs."""

    def __init__(self, least: int, patience: int) -> None:
        self._least, self._patience = least, patience
        self._best, self._since = -1.0, 0
        self.kept: Fit | None = None

    def goes_on(self, epoch: int, accuracy: float, fit: Fit) -> bool:
        """`epoch` counts from 1."""
        if accuracy > self._best:
            self._best, self._since, self.kept = accuracy, 0, fit.copy()
            logging.info("Validation accuracy improved! Storing best weights...")
        else:
            self._since += 1
            logging.info("Validation accuracy has not improved for last %d epochs.", self._since)
        return epoch < self._least or self._since < self._patience


def fit(run: Session, known: Examples, validation: Examples | None) -> Fit:
    """Trains in a random order, drawn anew for each epoch. With `validation`, training can stop early."""
    values, random = run.values, np.random.default_rng([run.seed, 1])
    used = np.unique(known.counts.indices)
    places = np.searchsorted(used, known.counts.indices).astype(np.int32)
    lengths = np.repeat(known.counts.sum(axis=1), np.diff(known.counts.indptr))
    texts = known.counts.indptr.astype(np.int64), places, (known.counts.data / lengths).astype(np.float32)
    width, epochs, rate = values["vector_dim"], values["epochs"], values["learning_rate"]
    begun = random.uniform(-1 / width, 1 / width, (len(used), width)).astype(np.float32)
    found = Fit(used, begun, np.zeros((known.belongs.shape[1], width), np.float32))
    patience = Patience(values["min_epochs"], values["patience"]) if validation is not None else None
    meter = progress.Meter(rate, epochs * float(known.counts.sum()))
    for epoch in range(epochs):
        order = random.permutation(len(known))
        rates = rate * (1 - epoch / epochs), rate * (1 - (epoch + 1) / epochs)
        descentkernel.learn(texts, found.inputs, found.outputs, order, _labels(known, order, random), rates)
        meter.tell(float(known.counts.sum()), (epoch + 1) / epochs)
        if patience is not None and validation is not None:
            accuracy = validation.accuracy(found.scores(validation.counts))
            logging.info("-------------- End of epoch: %d", epoch + 1)
            logging.info("Validation accuracy: %r", accuracy)
            if not patience.goes_on(epoch + 1, accuracy, found):
                logging.info("Training stops early.")
                break
    meter.end()
    return patience.kept if patience is not None and patience.kept is not None else found


def _labels(known: Examples, order: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One label of each text, drawn at random if it has several."""
    several = known.belongs.sum(axis=1) > 1
    found = known.belongs.argmax(axis=1)
    for row in np.flatnonzero(several):
        found[row] = random.choice(np.flatnonzero(known.belongs[row]))
    labels: np.ndarray = found[order]
    return labels
