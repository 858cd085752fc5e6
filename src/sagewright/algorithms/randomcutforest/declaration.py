"""The declaration of random cut forest."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Integer, WordList
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA

MEASURES = ("accuracy", "precision_recall_fscore")

DECLARATION = Declaration(
    name="randomcutforest",
    title="Random cut forest",
    repositories=("randomcutforest",),
    hyperparameters=(
        Hyperparameter("feature_dim", Integer("[1, 10000]"), required=True),
        Hyperparameter("eval_metrics", WordList(MEASURES), default='["accuracy", "precision_recall_fscore"]'),
        Hyperparameter("num_samples_per_tree", Integer("[1, 2048]"), default="256", recommended=("1", "2048")),
        Hyperparameter("num_trees", Integer("[50, 1000]"), default="100", recommended=("50", "1000")),
        Hyperparameter(
            "mini_batch_size", Integer("[1, +inf)"), default="1000", note="rows read at a time; the SDK sends 1000"
        ),
        *declaring.COMMON,
    ),
    channels=(
        declaring.channel("train", required=True, note="S3DataDistributionType ShardedByS3Key only"),
        declaring.channel("test", note="FullyReplicated only; label 1 is an anomaly"),
    ),
    metrics=tuple(
        declaring.quality("test", name, "Maximize", "score") for name in ("f1", "accuracy", "precision", "recall")
    ),
    train="sagewright.algorithms.randomcutforest.training:train",
    serve="sagewright.algorithms.randomcutforest.model:serve",
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.randomcutforest.kernel:rehearse"),
    default_content_type=declaring.PROTOBUF,
)
