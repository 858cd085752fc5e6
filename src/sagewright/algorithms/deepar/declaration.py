"""DeepAR's declaration."""

from __future__ import annotations

from sagewright.algorithms.deep import declaring as deep
from sagewright.algorithms.deepar import rules
from sagewright.algorithms.deepar.rules import FORM
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Integer, IntegerList, Pattern, Real, RealList, WordList
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA

RECURRENT = (("_network", ("recurrent",)),)
POSITIVE = Integer("[1, 2147483647]")
MEDIA = ("application/jsonlines", "application/json", "json", "jsonlines", "application/x-parquet", "parquet")

DECLARATION = Declaration(
    name="forecasting-deepar",
    title="DeepAR",
    repositories=("forecasting-deepar",),
    hyperparameters=(
        Hyperparameter(
            "context_length", POSITIVE, required=True, recommended=("1", "200"), note="number of past steps that a forecast uses"
        ),
        Hyperparameter("epochs", POSITIVE, required=True, recommended=("1", "1000"), note="at most"),
        Hyperparameter("prediction_length", POSITIVE, required=True, note="steps that are forecast"),
        Hyperparameter(
            "time_freq", Pattern(FORM, "M, W, D, H or min, with a number before it or none: 5min"), required=True
        ),
        Hyperparameter(
            "cardinality", Either(("auto", "ignore", ""), IntegerList("[1, 10000000]")), default="auto",
            note="of each category; auto: the data's; ignore: `cat` is not used; `[3,20]`: the data is checked against it",
        ),
        Hyperparameter(
            "dropout_rate", Real("[0, 1)"), default="0.1", recommended=("0.00", "0.2"), note="in training, between layers"
        ),
        Hyperparameter(
            "early_stopping_patience", Either(("",), POSITIVE), default="",
            note="epochs without a smaller loss after which training ends; the weights of the best epoch are kept in any case",
        ),
        Hyperparameter(
            "embedding_dimension", POSITIVE, default="10", recommended=("1", "50"), note="of each category, where `cat` is used"
        ),
        Hyperparameter(
            "learning_rate", Real("(0, +inf)"), default="0.001", recommended=("0.00001", "0.1"),
            note="constant; the default: 0.005 after a warm-up, falling to 0 over the epochs",
        ),
        Hyperparameter(
            "likelihood", Choice(("student-T", "gaussian", "beta", "negative-binomial", "deterministic-L1", "student-t")),
            needs=RECURRENT, default="student-T",
        ),
        Hyperparameter("mini_batch_size", POSITIVE, default="128", recommended=("32", "1028"), note="windows a step"),
        Hyperparameter("num_cells", POSITIVE, needs=RECURRENT, default="40", recommended=("30", "200"), note="of each layer"),
        Hyperparameter(
            "num_dynamic_feat", Either(("auto", "ignore", ""), POSITIVE), default="auto",
            note="auto: the data's; ignore: `dynamic_feat` is not used; a number: the data is checked against it",
        ),
        Hyperparameter("num_eval_samples", POSITIVE, default="100", note="paths of each series of the channel test"),
        Hyperparameter(
            "num_layers", POSITIVE, needs=RECURRENT, default="2", recommended=("1", "8"), note="of the recurrent network"
        ),
        Hyperparameter(
            "test_quantiles", RealList("(0, 1)"), default="[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]",
            note="of which the channel test has losses",
        ),
        Hyperparameter(
            "_network", Choice(("recurrent", "residual")), default="recurrent",
            note="residual: a perceptron that says quantiles of all steps at once, see above; not AWS's",
        ),
        Hyperparameter(
            "_experts", WordList(("none", "theta", "ces")), default="none",
            note="whose forecasts are averaged with the network's: `theta,ces`, see above; not AWS's",
        ),
        *deep.COMMON,
    ),
    channels=(
        Channel("train", MEDIA, required=True, note="time series, a record each; files ending in .parquet are Parquet"),
        Channel("test", MEDIA, note="the last prediction_length values of each are withheld and forecast"),
    ),
    metrics=(
        Metric("test:RMSE", "Minimize", r"#quality_metric: host=\S+, test RMSE <loss>=(\S+)"),
        Metric("test:mean_wQuantileLoss", "Minimize", r"#quality_metric: host=\S+, test mean_wQuantileLoss <loss>=(\S+)"),
        Metric("train:final_loss", "Minimize", r"#quality_metric: host=\S+, train final_loss <loss>=(\S+)"),
        Metric("train:loss", "Minimize", r"#quality_metric: host=\S+, epoch=\S+, train loss <loss>=(\S+)", objective=False),
        Metric(
            "train:loss:batch", "Minimize", r"#quality_metric: host=\S+, epoch=\S+, batch=\S+ train loss <loss>=(\S+)",
            objective=False,
        ),
        declaring.BASELINE,
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.deepar.training:train",
    serve="sagewright.algorithms.deepar.serving:serve",
    rules=(rules.windows_of_a_bounded_size, rules.experts_or_none),
    wording=SCHEMA,
    default_content_type="application/jsonlines",
)  # fmt: skip
