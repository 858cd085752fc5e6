"""The interface of a model that is evaluated without an endpoint, and the models that have one."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Array

Check: TypeAlias = Callable[[], None]
"""Called between parts of a computation, each of which takes a fraction of a second; raises where its time is over."""
_REPOSITORY = re.compile(r"(?:^|/)(sagemaker-xgboost|xgboost|linear-learner)(?:[:@]|$)")


@dataclass(frozen=True)
class ExactValues:
    """`values` (rows, features, outputs) and `predictions` (rows, outputs)."""

    values: Array
    predictions: Array


def unlimited() -> None:
    """The check of a computation whose time is not limited."""


class ExactExplainer(Protocol):
    """Explains rows against the baseline that it was prepared with. `expected`: (outputs,)."""

    @property
    def expected(self) -> Array: ...

    def explain(self, rows: pd.DataFrame, check: Check = ...) -> ExactValues: ...


class ModelArtefact(Protocol):
    """A model whose scores are those that its endpoint answers, rounding apart. `description` is for the log."""

    @property
    def description(self) -> str: ...

    def score(self, rows: pd.DataFrame) -> Array:
        """Returns (rows, outputs). Raises Unfit for rows that the endpoint would refuse."""
        ...

    def prepare(self, baseline: pd.DataFrame, use_logit: bool) -> ExactExplainer | None:
        """Returns the exact way to explain scores (their log-odds with `use_logit`); None if the model has none.

        Raises Unfit as `score` does.
        """
        ...


def same_scores(own: Array, answered: Array) -> bool:
    """True if the model's answers are an artefact's scores, rounding apart."""
    return own.shape == answered.shape and np.allclose(
        own, answered, rtol=1e-4, atol=1e-5 * float(np.abs(own).max(initial=0.0))
    )


class Unfit(CustomerError):
    """The model can't score these rows."""


def open_artefact(image: str, folder: Path) -> ModelArtefact | None:
    """Returns the model in `folder`, the contents of model.tar.gz; None if it is none that can be read. `image`: its URI.

    XGBoost ends the process for some damaged files. Open them when the endpoint is in service, whose container reads them first.
    """
    match = _REPOSITORY.search(image)
    if match is None:
        return None
    from sagewright.algorithms.errors import UserError  # here, since most analyses read no artefact

    try:
        if match[1] == "linear-learner":
            from sagewright.clarify.artefacts.linear import LinearArtefact

            return LinearArtefact.read(folder)
        from sagewright.clarify.artefacts.boosters import BoosterArtefact

        return BoosterArtefact.read(folder)
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        logging.info("The model's artefact can't be read, so that the endpoint is called: %s", error)
        return None


def single_precision(rows: pd.DataFrame, columns: int) -> NDArray[np.float32]:
    """Returns the rows as the endpoint's container reads them. Raises Unfit for text, or another number of columns."""
    if len(rows.columns) != columns:
        raise Unfit(f"The model has {columns} features, and the rows have {len(rows.columns)}.")
    try:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(rows.to_numpy(np.float64, na_value=np.nan), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise Unfit(f"The rows have a cell that is not a number: {error}") from error
