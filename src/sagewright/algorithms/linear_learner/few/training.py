"""The average of linear models where the rows are few for the features, and the penalty where labels are few."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.firstparty.rows import source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.linear_learner import path
from sagewright.algorithms.linear_learner.epochs import Data, Trained, compared, examples_of
from sagewright.algorithms.linear_learner.few.conditions import are_few, is_free, is_rare
from sagewright.algorithms.linear_learner.few.rows import joined, thinned
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.mix import Mix, positive_weights
from sagewright.algorithms.ridge import families, rotation, scores
from sagewright.algorithms.ridge.families import Family, First, Rows

SLIGHT = 0.02
"""An l1 below this share of the smallest one that uses no feature counts as slight."""
LEAST_SHARE = 0.05
"""Smallest share in an average of some rows of a model that is solved for with all."""


@dataclass(frozen=True)
class Advice:
    """An average's `weights`, its penalty, and the `ratio` of its loss at rows left out to a constant's; of the models that share
    in it the penalties `tried` (M,) and the shares (M,); and the part of their deviation from a constant that is `kept`.
    """

    weights: Weights
    wd: float
    ratio: float
    tried: np.ndarray
    share: np.ndarray
    kept: float = 1.0

    def of_mean(self, loss: Loss, rows: int) -> Advice:
        """Returns the same with the penalties for the mean loss, not halved for the squared one."""
        times = (2 if loss.regresses else 1) / rows
        return replace(self, wd=self.wd * times, tried=self.tried * times)

    def joined(self, weights: Weights, constant: np.ndarray) -> Weights:
        """Returns the average of models with the penalties `tried`, each with a single score; `constant` (1,) is that without
        features.
        """
        share = self.share.astype(np.float32)
        bias = constant + self.kept * (weights.bias @ share - constant)
        return Weights(self.kept * (weights.features @ share)[:, None], bias.astype(np.float32))


def advise(run: Session, data: Data, loss: Loss, total: int) -> Advice | None:
    """Returns a penalty for all rows where the average itself is not possible: a slight l1 is given, or only one class is rare."""
    if not is_free(run, data, loss) or data.validated:
        return None
    rows: Rows | None
    if path.has_l1(run.values) and loss.classes == 1:
        if not are_few(run, data, loss, total):
            return None
        rows = joined(run, data, loss)
        slight = rows is not None and float(run.values["l1"]) < SLIGHT * _steepest(rows, loss)
        if not run.group.from_first(slight):
            return None
    elif loss.name == "logistic" and data.train.dense and is_rare(data):
        rows = thinned(run, data)
    else:
        return None
    found: Advice = run.group.from_first(None if rows is None else _averaged(run, data, loss, rows))
    return found.of_mean(loss, total)


def _steepest(rows: Rows, loss: Loss) -> float:
    """Returns the smallest l1 under which no feature is used."""
    apart = rows.weights * (rows.y - float(np.average(rows.y, weights=rows.weights)))
    return float(np.abs(rows.x.T @ apart).max()) * (2 if loss.regresses else 1) / float(rows.weights.sum())


def solve(run: Session, data: Data, loss: Loss, total: int, first: First | None = None) -> Trained:
    """Returns the average model, the same at all hosts; the searches begin at the `first` model."""
    found_rows = joined(run, data, loss)
    if found_rows is not None and len(found_rows.y) < total:
        logging.info(
            "%d rows are copies of others: %d different ones count.", total - len(found_rows.y), len(found_rows.y)
        )
    found: Advice = run.group.from_first(None if found_rows is None else _averaged(run, data, loss, found_rows, first))
    found = found.of_mean(loss, total)
    weights, ratio = found.weights, found.ratio
    if ratio > 1 and not data.validated:
        logging.warning(
            "No model is better at rows left out than one without features, which is the result of this job."
        )
        constants = data.constants(
            run, loss, examples_of(run, path.make(run.values, 1, 1, data.balanced, False), data.counts), 1
        )
        weights, ratio = Weights(np.zeros_like(weights.features), constants[0]), 1.0
    nothing = np.zeros(1, np.float32)
    weight = positive_weights(run.values, data.balanced)[0]
    mix = Mix(nothing, nothing, np.array([found.wd], np.float32), np.array([weight], np.float32), nothing > 0)
    examples = examples_of(run, mix, data.counts)
    criterion = compared(loss, weights, source.prepared(data.judged, data.scaler.prepare), examples)
    return Trained(
        loss, mix, weights, run.group.from_first(criterion), examples, by_loss=True,
        ratio=None if data.validated else ratio,
    )  # fmt: skip


def _averaged(run: Session, data: Data, loss: Loss, rows: Rows, first: First | None = None) -> Advice:
    """Returns the average model, with the mean of its penalties for the sum of losses."""
    squared, columns = loss.regresses, rows.x.shape[1]
    few = path.FEW * max(1, loss.classes - 1)
    scale, use_bias = data.scaler.scale, bool(run.values["use_bias"])
    unscaled = len(rows.y) < few * columns and not path.has_l1(run.values)
    centred = rotation.centre(rows.x, rows.weights, use_bias)
    tried = families.widths(scale, len(rows.y), unscaled)
    each = [families.family(rows, centred, widths, squared, first) for widths in tried]
    if rows.y.ndim == 2 and families.are_scarce(*rows.y.shape):
        each = families.closer(rows, each)
    judged = families.judged(rows, each, squared, use_bias)
    if data.validated:
        losses, counted = _with_validation(data, each, judged.losses, judged.counted, squared)
        judged = replace(judged, losses=losses, counted=counted)
    found = families.average(rows, each, judged, scale, squared, use_bias)
    share, penalties = found.share, found.penalties
    wd = float(np.exp(share @ np.log(penalties)))
    logging.info("Averaged %d models, by their losses at rows left out: penalties %.3g on average.", len(share), wd)
    whole = Weights(found.features.astype(np.float32), found.bias.astype(np.float32))
    own = np.arange(len(each[0].solutions))  # on scaled features
    own = own[share[own] >= min(LEAST_SHARE, float(share[own].max()))]
    return Advice(whole, wd, found.ratio, penalties[own], share[own] / share[own].sum(), found.kept)


def _with_validation(
    data: Data, tried: Sequence[Family], losses: np.ndarray, counted: float, squared: bool
) -> tuple[np.ndarray, float]:
    """Returns the mean losses at rows left out and of the validation channel together, and their number."""
    shares = [(family, each) for family in tried for each in np.eye(len(family.solutions))]
    found = [family.weights(each) for family, each in shares]
    total, rows = losses * counted, counted
    for x, y in source.prepared(data.judged, data.scaler.prepare):
        classes = len(found[0][1])
        labels = np.eye(classes)[y.astype(np.int64)] if classes > 1 else y
        said = (np.asarray(x @ features) + bias for features, bias in found)
        each = [scores.mean_loss(at if classes > 1 else at[:, 0], labels, np.ones(len(y)), squared) for at in said]
        total, rows = total + np.array(each) * len(y), rows + len(y)
    return total / rows, rows
