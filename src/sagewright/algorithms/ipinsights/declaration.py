"""IP Insights' declaration."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.ipinsights import rules
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Integer, Real
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA

CSV = (declaring.CSV, "csv")
FILES = ("File", "FastFile")
RATE = Integer("[0, 500]")
_HOST = r"#quality_metric: host=\S+, "

DECLARATION = Declaration(
    name="ipinsights",
    title="IP Insights",
    repositories=("ipinsights",),
    hyperparameters=(
        Hyperparameter(
            "num_entity_vectors", Integer("[1, 250000000]"), required=True, recommended=("10000", "1000000")
        ),
        Hyperparameter("vector_dim", Integer("[4, 4096]"), required=True, recommended=("8", "256")),
        Hyperparameter("batch_metrics_publish_interval", Integer("[1, +inf)"), default="1000"),
        Hyperparameter(
            "epochs",
            Integer("[1, +inf)"),
            default="10",
            recommended=("1", "100"),
            note="the default: by the events, see above",
        ),
        Hyperparameter(
            "learning_rate",
            Real("[1e-6, 10]"),
            default="0.001",
            recommended=("1e-4", "0.1"),
            note="the default: see above",
        ),
        Hyperparameter(
            "mini_batch_size",
            Integer("[1, 500000]"),
            default="10000",
            recommended=("100", "50000"),
            note="the default: see above",
        ),
        Hyperparameter("num_ip_encoder_layers", Integer("[0, 100]"), default="1", recommended=("1", "10")),
        Hyperparameter("random_negative_sampling_rate", RATE, default="1", recommended=("0", "10")),
        Hyperparameter("shuffled_negative_sampling_rate", RATE, default="1", recommended=("0", "10")),
        Hyperparameter("weight_decay", Real("[0, 10]"), default="0.00001", recommended=("0.0", "1.0")),
        Hyperparameter(
            "feature_dim", Integer("[1, +inf)"), note="sent by the SDK's class, without effect", needs=(NEVER,)
        ),
        *declaring.COMMON,
    ),
    channels=(
        Channel("train", CSV, required=True, modes=FILES, note="rows `entity, address`"),
        Channel("validation", CSV, modes=FILES),
    ),
    metrics=(
        Metric(
            "validation:discriminator_auc",
            "Maximize",
            _HOST + r"epoch=\S+, validation discriminator_auc <score>=(\S+)",
        ),
        *(
            Metric(f"train:{name}{suffix}", way, f"{_HOST}{when}train {name} <{kind}>=(\\S+)", objective=False)
            for suffix, when in (("", r"epoch=\S+, batch=\S+ "), (":epoch", r"epoch=\S+, "))
            for name, way, kind in declaring.CLASSIFIER
        ),
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.ipinsights.training:train",
    serve="sagewright.algorithms.ipinsights.model:serve",
    rules=(rules.negatives_in_limits,),
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.ipinsights.kernel:rehearse"),
    default_content_type=declaring.CSV,
)
