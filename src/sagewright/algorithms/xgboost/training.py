"""XGBoost training: reads the channels, boosts, evaluates, saves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.native.hardware import gpu_count
from sagewright.algorithms.schema.wording import UNUSED
from sagewright.algorithms.termination import Termination
from sagewright.algorithms.xgboost import baseline, cluster, faults, folds, matrices, models
from sagewright.algorithms.xgboost.cluster import Member
from sagewright.algorithms.xgboost.declaration import DECLARATION
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.parameters import Plan, plan
from sagewright.algorithms.xgboost.trainer import BoosterTrainer, Data, Outputs


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes `xgboost-model` to the model directory. Raises JobError."""
    logging.info("Running XGBoost Sagemaker in algorithm mode")
    gpus = gpu_count()
    logging.info("Determined %d GPU(s) available on the instance.", gpus)
    if gpus and not xgb.build_info()["USE_CUDA"]:
        logging.warning("This build of XGBoost can't use GPUs.")
        gpus = 0
    work = plan(values, gpus)
    for note in work.notes:
        logging.warning(note)
    if unused := DECLARATION.unused(job.hyperparameters, values):
        logging.warning(UNUSED, ", ".join(unused))
    with Termination(graceful=work.save_on_termination) as termination:
        _read_and_train(job, values, work, termination)


def _read_and_train(job: Job, values: Mapping[str, Any], work: Plan, termination: Termination) -> None:
    train_rows = matrices.read_channel(job, "train", values)
    validation = matrices.read_channel(job, "validation", values) if "validation" in job.channels else None
    if len(job.hosts) > 1:
        _train_together(job, values, work, (train_rows, validation), termination)
        return
    data = _complete(job, train_rows, validation)
    logging.info("Single node training.")
    _train_member(job, values, BoosterTrainer(work, Member(), termination), data)


def _complete(job: Job, train_rows: Table | None, validation: Table | None) -> Data:
    for name, rows in (("train", train_rows), ("validation", validation)):
        if rows is None and name in job.channels:
            what = {"train": "training", "validation": "validation"}[name]
            raise UserError(f"No data in {what} channel path {job.channel_path(name)}")
    assert train_rows is not None
    return Data(train_rows, validation)


def _train_together(
    job: Job, values: Mapping[str, Any], work: Plan, tables: tuple[Table | None, Table | None], termination: Termination
) -> None:
    logging.info("Distributed node training with %d hosts: %s", len(job.hosts), list(job.hosts))
    if "_kfold" in values:
        raise UserError("_kfold needs a job of one instance.")
    for name, rows in zip(("train", "validation"), tables, strict=True):
        if rows is None and name in job.channels:
            logging.warning(
                "Host %s does not have data in channel %s and will not be used in distributed training. "
                "Please divide the data across instances properly.",
                job.current_host, name,
            )  # fmt: skip
    has_data = tables[0] is not None and (tables[1] is not None or "validation" not in job.channels)
    with cluster.membership(job, has_data) as member:
        if member is not None:
            data = _complete(job, *tables)
            _train_member(job, values, BoosterTrainer(work, member, termination), data)


def _train_member(job: Job, values: Mapping[str, Any], trainer: BoosterTrainer, data: Data) -> None:
    try:
        if "_kfold" in values:
            folds.cross_validate(job, values, trainer, data)
        else:
            pickled = models.is_pickled(job.image_version)
            outputs = Outputs(job.model_directory / models.MODEL_NAME, job.checkpoint_directory, pickled)
            booster = trainer.fit(data, outputs)
            if trainer.member.rank == 0:
                _mark_first_index(job, data, booster)
                outputs.save(booster)
                if len(job.hosts) == 1:
                    baseline.report(trainer.plan, booster, data.train, data.validation)
    except (xgb.core.XGBoostError, ValueError, OverflowError) as error:
        raise faults.explain(error) from error
    finally:
        models.remove_parts(job.model_directory)


def _mark_first_index(job: Job, data: Data, booster: Any) -> None:
    features = data.train.features
    libsvm = job.channels["train"].content_type.format == "libsvm"
    if libsvm and isinstance(features, Sparse) and len(features.indices) and features.indices.min() >= 1:
        booster.set_attr(**{models.FIRST_INDEX: "1"})
