"""The declaration of k-NN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Integer
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter, Rule
from sagewright.algorithms.schema.wording import SCHEMA

SUBVECTORS = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)


def target_with_type(values: Mapping[str, Any]) -> None:
    """`dimension_reduction_target` is given with `dimension_reduction_type`, and is less than `feature_dim`."""
    target, kind = values.get("dimension_reduction_target"), values.get("dimension_reduction_type")
    if kind and target is None:
        raise UserError("dimension_reduction_type is given, and dimension_reduction_target is not")
    if target is not None and not kind:
        raise UserError("dimension_reduction_target is given, and dimension_reduction_type is not")
    if target is not None and target >= values["feature_dim"]:
        raise UserError(
            f"dimension_reduction_target is {target}: it must be less than feature_dim, {values['feature_dim']}"
        )


def metric_fits_index(values: Mapping[str, Any]) -> None:
    """`index_type` faiss.IVFPQ goes with `index_metric` L2 only."""
    if values.get("index_type") == "faiss.IVFPQ" and values.get("index_metric", "L2") != "L2":
        raise UserError(f"index_metric {values['index_metric']} can't be used with index_type faiss.IVFPQ, only L2 can")


def sample_holds_neighbours(values: Mapping[str, Any]) -> None:
    """`sample_size` is at least `k`."""
    if values["sample_size"] < values["k"]:
        raise UserError(f"sample_size is {values['sample_size']}, less than k, {values['k']}")


RULES: tuple[Rule, ...] = (target_with_type, metric_fits_index, sample_holds_neighbours)

DECLARATION = Declaration(
    name="knn",
    title="k-NN",
    repositories=("knn",),
    hyperparameters=(
        Hyperparameter("feature_dim", Integer("[1, +inf)"), required=True),
        Hyperparameter("k", Integer("[1, +inf)"), required=True, recommended=("1", "1024")),
        Hyperparameter("predictor_type", Choice(("classifier", "regressor")), required=True),
        Hyperparameter("sample_size", Integer("[1, +inf)"), required=True, recommended=("256", "20000000")),
        Hyperparameter("dimension_reduction_target", Integer("[1, +inf)"), note="with dimension_reduction_type"),
        Hyperparameter("dimension_reduction_type", Choice(("sign", "fjlt")), note="none is the default"),
        Hyperparameter(
            "faiss_index_ivf_nlists",
            Either(("auto",), Integer("[1, +inf)")),
            default="auto",
            note="auto is the square root of the sample's rows",
            needs=(("index_type", ("faiss.IVFFlat", "faiss.IVFPQ")),),
        ),
        Hyperparameter(
            "faiss_index_pq_m",
            Choice(tuple(map(str, SUBVECTORS))),
            note="of faiss.IVFPQ; without it the largest of these with two dimensions or more to each part",
            needs=(("index_type", ("faiss.IVFPQ",)),),
        ),
        Hyperparameter("index_metric", Choice(("L2", "INNER_PRODUCT", "COSINE")), default="L2"),
        Hyperparameter("index_type", Choice(("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ")), default="faiss.Flat"),
        Hyperparameter(
            "mini_batch_size",
            Integer("[1, +inf)"),
            default="5000",
            note="no effect: rows are sampled as they are read",
            needs=(NEVER,),
        ),
        *declaring.COMMON,
    ),
    channels=(declaring.channel("train", required=True), declaring.channel("test")),
    metrics=(
        declaring.quality("test", "accuracy", "Maximize", "score"),
        declaring.quality("test", "mse", "Minimize", "loss"),
        declaring.BASELINE,
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.knn.training:train",
    serve="sagewright.algorithms.knn.model:serve",
    rules=RULES,
    wording=SCHEMA,
    default_content_type=declaring.PROTOBUF,
)
