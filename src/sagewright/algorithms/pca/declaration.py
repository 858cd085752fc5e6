"""The declaration of PCA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag, Integer
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA


def components_fit(values: Mapping[str, Any]) -> None:
    """`num_components` is at most `feature_dim`."""
    if values["num_components"] > values["feature_dim"]:
        raise UserError(
            f"num_components is {values['num_components']}, and feature_dim is {values['feature_dim']}: "
            "there can't be more components than features"
        )


DECLARATION = Declaration(
    name="pca",
    title="PCA",
    repositories=("pca",),
    hyperparameters=(
        Hyperparameter("feature_dim", Integer("[1, +inf)"), required=True),
        Hyperparameter(
            "mini_batch_size",
            Integer("[1, +inf)"),
            required=True,
            note="no effect: rows are processed in blocks that fit a core's cache, and the result covers all rows",
            needs=(NEVER,),
        ),
        Hyperparameter("num_components", Integer("[1, +inf)"), required=True),
        Hyperparameter("algorithm_mode", Choice(("regular", "randomized")), default="regular"),
        Hyperparameter(
            "extra_components",
            Integer("[-1, +inf)"),
            default="-1",
            note="of mode randomized; -1 is the larger of 10 and num_components",
            needs=(("algorithm_mode", ("randomized",)),),
        ),
        Hyperparameter("subtract_mean", Flag(), default="true"),
        Hyperparameter(
            "epochs", Integer("[1, +inf)"), default="1", note="no effect: one pass finds all", needs=(NEVER,)
        ),
        *declaring.COMMON,
    ),
    channels=(declaring.channel("train", required=True), declaring.channel("test")),
    metrics=(*declaring.PROGRESS,),
    train="sagewright.algorithms.pca.training:train",
    serve="sagewright.algorithms.pca.model:serve",
    rules=(components_fit,),
    wording=SCHEMA,
    default_content_type=declaring.PROTOBUF,
)
