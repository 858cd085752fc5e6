"""The declaration of k-means."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Integer, Real, WordList
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA

INITS = Choice(("random", "kmeans++"))

DECLARATION = Declaration(
    name="kmeans",
    title="K-means",
    repositories=("kmeans",),
    hyperparameters=(
        Hyperparameter("feature_dim", Integer("[1, +inf)"), required=True),
        Hyperparameter("k", Integer("[1, +inf)"), required=True),
        Hyperparameter("epochs", Integer("[1, +inf)"), default="1", recommended=("1", "10")),
        Hyperparameter("eval_metrics", WordList(("msd", "ssd")), default='["msd"]'),
        Hyperparameter(
            "extra_center_factor", Either(("auto",), Integer("[1, +inf)")), default="auto", recommended=("4", "10")
        ),
        Hyperparameter("half_life_time_size", Integer("[0, +inf)"), default="0", note="in rows; 0 forgets nothing"),
        Hyperparameter("init_method", INITS, default="random", recommended=("kmeans++", "random")),
        Hyperparameter("local_lloyd_init_method", INITS, default="kmeans++"),
        Hyperparameter("local_lloyd_max_iter", Integer("[1, +inf)"), default="300"),
        Hyperparameter("local_lloyd_num_trials", Either(("auto",), Integer("[1, +inf)")), default="auto"),
        Hyperparameter("local_lloyd_tol", Real("[0, 1]"), default="0.0001"),
        Hyperparameter("mini_batch_size", Integer("[1, +inf)"), default="5000", recommended=("3000", "15000")),
        *declaring.COMMON,
    ),
    channels=(declaring.channel("train", required=True), declaring.channel("test")),
    metrics=(
        declaring.quality("test", "msd", "Minimize", "loss"),
        declaring.quality("test", "ssd", "Minimize", "loss"),
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.kmeans.training:train",
    serve="sagewright.algorithms.kmeans.model:serve",
    wording=SCHEMA,
    default_content_type=declaring.PROTOBUF,
)
