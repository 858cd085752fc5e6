"""One booster: matrices, callbacks, checkpoints around `xgboost.train`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.termination import Termination
from sagewright.algorithms.xgboost import callbacks, matrices, measures, models
from sagewright.algorithms.xgboost.cluster import Member
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.parameters import Plan


@dataclass(frozen=True)
class Data:
    """Data that one booster learns from and is evaluated on."""

    train: Table
    validation: Table | None


@dataclass(frozen=True)
class Outputs:
    """Paths of one booster and its checkpoints, and `pickled` if the booster is pickled (`models.is_pickled`)."""

    model: Path
    checkpoints: Path | None
    pickled: bool = False

    def save(self, booster: Any) -> None:
        models.save(booster, self.model, self.pickled)


class BoosterTrainer:
    """Boosts one model by a plan. `evaluations` are those of the last `fit`."""

    def __init__(self, work: Plan, member: Member, termination: Termination) -> None:
        self.plan, self.member, self.termination = work, member, termination
        self.evaluations: dict[str, dict[str, list[float]]] = {}

    def fit(self, data: Data, outputs: Outputs) -> Any:
        """Returns the booster, cut to its best round when early stopping ended it. Raises XGBoostError and UserError."""
        columns = max(data.train.columns, data.validation.columns if data.validation else 0)
        train = matrices.matrix(matrices.widen(data.train, columns), self.plan.objective)
        logging.info("Train matrix has %d rows and %d columns", train.num_row(), train.num_col())
        parts = [(train, "train")]
        if data.validation is not None:
            parts.append((matrices.matrix(data.validation, self.plan.objective), "validation"))
            logging.info("Validation matrix has %d rows", parts[1][0].num_row())
        done, model = self._resume(outputs)
        self.evaluations = {}
        return xgb.train(
            self.plan.booster,
            train,
            num_boost_round=self.plan.rounds - done,
            evals=parts,
            custom_metric=self._measures(),
            evals_result=self.evaluations,
            callbacks=self._callbacks(done, outputs, has_validation=data.validation is not None),
            xgb_model=model,
            verbose_eval=False,
        )

    def _resume(self, outputs: Outputs) -> tuple[int, Any]:
        done, model = 0, b""
        if self.member.rank == 0 and outputs.checkpoints is not None:
            done, model = models.latest_checkpoint(outputs.checkpoints) or (0, b"")
        done, model = self.member.from_first((done, model))
        return done, bytearray(model) if model else None

    def _measures(self) -> Callable[[Any, Any], list[tuple[str, float]]] | None:
        if not self.plan.measures:
            return None
        classes = measures.Classes(self.plan.objective, self.plan.num_class)
        return lambda predictions, matrix: measures.evaluate(
            self.plan.measures, matrix.get_label(), predictions, classes, self.member.total
        )

    def _callbacks(self, done: int, outputs: Outputs, has_validation: bool) -> list[Any]:
        first = self.member.rank == 0
        chosen: list[Any] = []
        if first:
            chosen.append(callbacks.EvaluationLines(done))
            if outputs.checkpoints is not None:
                chosen.append(callbacks.Checkpoints(done, outputs.checkpoints))
        if self.plan.save_on_termination:
            save = outputs.save if first else None
            chosen.append(callbacks.StopOnTermination(self.termination, self.member.total, save))
        if self.plan.early_stopping_rounds and has_validation:
            chosen.append(
                xgb.callback.EarlyStopping(
                    rounds=self.plan.early_stopping_rounds,
                    metric_name=self.plan.early_stopping_metric,
                    data_name="validation",
                    maximize=self.plan.maximize,
                    save_best=self.plan.booster.get("booster") != "gblinear",
                )
            )
        elif self.plan.early_stopping_rounds:
            logging.warning("early_stopping_rounds has no effect without a validation channel.")
        return chosen
