"""When models of all penalties can be solved for and averaged."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.linear_learner import path
from sagewright.algorithms.linear_learner.epochs import Data
from sagewright.algorithms.linear_learner.few import rows
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.ridge import promise
from sagewright.algorithms.ridge.families import SCARCER, First, are_scarce

FEWEST = 4
MOST_NUMBERS = 1 << 23
"""Limit on the numbers in the rows, which are copied as float64."""
MOST_SQUARED, MOST_SPARSE, MOST_WORK, MOST_CLASSES = 1024, 256, 200_000_000, 30_000_000
"""Limits on the smaller of the numbers of rows and features, whose cube is the cost of the squared loss; of sparse rows, which
others solve for faster; and on its square times the rows, for the logistic loss, and times the classes, for more of them.
"""
MOST_COLUMNS = 64
"""Maximum number of features for which rare classes are examined."""
COSTLY, PROMISING = 0.01, 15.0
"""Share of the loss that a penalty may cost; and the sum of losses that a weaker one may save."""
SAMPLE = 4000
"""Number of rows on which a weaker penalty has to promise half of that first, if there are more."""
MOST_CHECKED = 20_000
"""Maximum number of rows among which copies are sought if rows are not few."""


def suits(run: Session, data: Data, loss: Loss, total: int) -> bool:
    """True if the models of all penalties can be solved for and averaged: nothing asks for one of them, rows are few for the
    features, or those of one class without the others being many, and the work is little.
    """
    if path.has_l1(run.values) or not is_free(run, data, loss):
        return False
    counts = data.counts
    whole = loss.name == "logistic" and data.train.dense and not data.validated and is_rare(data)
    if whole and counts is not None and counts.max() <= rows.THINNED:
        return True
    return are_few(run, data, loss, total)


def may_help(run: Session, data: Data, loss: Loss, total: int, first: First) -> bool:
    """True if rows are many for the features, but the penalty of the `first` model costs much. It is more than COSTLY of the loss
    where classes are nearly separable: half of `wd` times the squares. Where features say nearly the same, it is little even if
    weights are far too small, but a weaker penalty would make the sum of losses much lower.
    """
    possible = not data.validated and not path.has_l1(run.values) and is_free(run, data, loss) and not loss.regresses
    if not run.group.from_first(possible and _is_cheap(data, loss, total)):
        return False
    costs = float(first.wd) * float(np.square(first.features, dtype=np.float64).sum()) / 2
    if run.group.from_first(bool(costs > COSTLY * first.loss)):
        return True
    if run.group.size == 1 and total > SAMPLE:  # to find the copies among all takes longer
        some = rows.some(data, loss, SAMPLE)
        if promise.of_weaker(some, first) < PROMISING / 2:
            return False
    found = rows.joined(run, data, loss)
    return bool(run.group.from_first(found is not None and promise.of_weaker(found, first) > PROMISING))


def is_free(run: Session, data: Data, loss: Loss) -> bool:
    """True if the penalty may be chosen, and the loss has the second derivatives that this needs."""
    values = run.values
    free = values["bias_wd_mult"] in ("auto", 0) and path.chooses(values, data.train.columns, 0)
    single = values["positive_example_weight_mult"] != "auto" or values["predictor_type"] != "binary_classifier"
    both = data.counts is None or loss.classes > 1 or bool(data.counts.all())
    return free and single and both and loss.name in ("squared_loss", "logistic", "softmax_loss")


def are_few(run: Session, data: Data, loss: Loss, total: int) -> bool:
    if not _is_cheap(data, loss, total):
        return False
    few = path.FEW * data.train.columns * max(1, loss.classes - 1)  # each class but one has weights of its own
    return total < few or (total <= MOST_CHECKED and rows.different(run, data, loss, few) < few)


def _is_cheap(data: Data, loss: Loss, total: int) -> bool:
    """True if the models of all penalties take little work."""
    columns = data.train.columns
    least = min(total, columns) + 1
    most = MOST_SQUARED if data.train.dense else MOST_SPARSE
    work = 0 if loss.regresses else total * least**2 * loss.classes
    most_work = MOST_WORK if loss.classes == 1 else MOST_CLASSES * (SCARCER if are_scarce(total, loss.classes) else 1)
    return total >= FEWEST and least <= most and total * columns <= MOST_NUMBERS and work <= most_work


def is_rare(data: Data) -> bool:
    """True if one class has few rows for the features."""
    columns = data.train.columns
    return data.counts is not None and columns <= MOST_COLUMNS and data.counts.min() < path.FEW * columns
