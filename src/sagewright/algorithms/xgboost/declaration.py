"""The declaration of XGBoost: hyperparameters with the ranges of AWS's open container, channels, metrics."""

from __future__ import annotations

from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, IntegerLists, IntegerTuple, Real, WordList
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter, Need
from sagewright.algorithms.schema.metrics import Direction, Metric
from sagewright.algorithms.xgboost import rules

MAXIMIZED = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision", "r2",
    "recall", "precision_macro", "precision_micro", "recall_macro", "recall_micro",
)  # fmt: skip
MINIMIZED = (
    "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy", "logloss",
    "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
METRIC_NAMES = MAXIMIZED + MINIMIZED

OBJECTIVES = (
    "aft_loss_distribution", "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax",
    "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic",
    "reg:gamma", "reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror", "reg:tweedie", "survival:aft",
    "survival:cox",
)  # fmt: skip

CONTENT_TYPES = (
    "csv", "libsvm", "parquet", "recordio-protobuf", "text/csv", "text/libsvm", "text/x-libsvm", "application/x-parquet",
    "application/x-recordio-protobuf",
)  # fmt: skip


def metric(part: str, name: str, direction: Direction) -> Metric:
    """Returns a metric of one data set. The log shows each TAB of an evaluation line as `#011`, and the regex relies on it."""
    return Metric(f"{part}:{name}", direction, rf".*\[[0-9]+\].*#011{part}-{name}:(\S+)", part == "validation")


METRICS = tuple(
    metric(part, name, "Maximize" if name in MAXIMIZED else "Minimize")
    for part in ("validation", "train")
    for name in METRIC_NAMES
)
BASELINE = Metric("train:baseline_ratio", "Minimize", r"baseline_ratio: (\S+)", objective=False)

ZERO_OR_ONE = Integer("[0, 1]")
SHARE = Real("(0, 1]")
TREES: Need = ("booster", ("gbtree", "dart"))
DART: Need = ("booster", ("dart",))
HISTOGRAMS: Need = ("tree_method", ("auto", "hist", "approx", "gpu_hist"))
IGNORED = "accepted for old requests, but ignored: this XGBoost has no such setting"

HYPERPARAMETERS = (
    Hyperparameter("num_round", Integer("[1, +inf)"), required=True, recommended=("1", "4000")),
    Hyperparameter("num_class", Integer("[2, +inf)"), note="required with multi:softmax and multi:softprob"),
    Hyperparameter("alpha", Real("[0, +inf)"), "0", recommended=("0", "1000"), aliases=("reg_alpha",)),
    Hyperparameter("base_score", Real("[0, +inf)"), note="AWS documents 0.5; XGBoost estimates it from the labels"),
    Hyperparameter("booster", Choice(("gbtree", "gblinear", "dart")), "gbtree"),
    Hyperparameter("colsample_bylevel", SHARE, "1", recommended=("0.1", "1"), needs=(TREES,)),
    Hyperparameter("colsample_bynode", SHARE, "1", recommended=("0.1", "1"), needs=(TREES,)),
    Hyperparameter("colsample_bytree", SHARE, "1", recommended=("0.5", "1"), needs=(TREES,)),
    Hyperparameter("csv_weights", ZERO_OR_ONE, "0", note="1: the second CSV column is the weight of the row"),
    Hyperparameter("deterministic_histogram", Flag(), "true", note=IGNORED, needs=(NEVER,)),
    Hyperparameter("early_stopping_rounds", Integer("[1, +inf)"), note="watches the validation channel"),
    Hyperparameter(
        "eta", Real("[0, 1]"), "0.3", recommended=("0.1", "0.5"), aliases=("learning_rate",), note="step size"
    ),
    Hyperparameter(
        "eval_metric",
        WordList(METRIC_NAMES, with_number=("error", "ndcg", "map")),
        note="separated by commas; error@t, ndcg@n and map@n contain a number; the default depends on the objective",
    ),
    Hyperparameter(
        "gamma", Real("[0, +inf)"), "0", recommended=("0", "5"), aliases=("min_split_loss",), needs=(TREES,)
    ),
    Hyperparameter("grow_policy", Choice(("depthwise", "lossguide")), "depthwise", needs=(TREES,)),
    Hyperparameter(
        "interaction_constraints",
        IntegerLists("[0, +inf)"),
        note="such as [[0,1],[2,3,4]]: features that may be in one branch",
        needs=(TREES,),
    ),
    Hyperparameter("lambda", Real("[0, +inf)"), "1", recommended=("0", "1000"), aliases=("reg_lambda",)),
    Hyperparameter("lambda_bias", Real("[0, 1]"), "0", note=IGNORED, needs=(NEVER,)),
    Hyperparameter(
        "max_bin",
        Integer("[0, +inf)"),
        "256",
        needs=(TREES, HISTOGRAMS),
    ),
    Hyperparameter("max_delta_step", Real("[0, +inf)"), "0", recommended=("0", "10"), needs=(TREES,)),
    Hyperparameter("max_depth", Integer("[0, +inf)"), "6", recommended=("0", "10"), needs=(TREES,)),
    Hyperparameter("max_leaves", Integer("[0, +inf)"), "0", needs=(TREES,)),
    Hyperparameter("min_child_weight", Real("[0, +inf)"), "1", recommended=("0", "120"), needs=(TREES,)),
    Hyperparameter(
        "monotone_constraints",
        IntegerTuple((-1, 0, 1)),
        note="such as (1, 0, -1), one for each feature",
        needs=(TREES,),
    ),
    Hyperparameter("normalize_type", Choice(("tree", "forest")), "tree", note="booster dart", needs=(DART,)),
    Hyperparameter("nthread", Integer("[1, +inf)"), note="by default every core of the host"),
    Hyperparameter("objective", Choice(OBJECTIVES), "reg:squarederror", note="reg:linear means reg:squarederror"),
    Hyperparameter("one_drop", ZERO_OR_ONE, "0", note="booster dart", needs=(DART,)),
    Hyperparameter("process_type", Choice(("default", "update")), "default", needs=(TREES,)),
    Hyperparameter("rate_drop", Real("[0, 1]"), "0.0", note="booster dart", needs=(DART,)),
    Hyperparameter(
        "refresh_leaf",
        ZERO_OR_ONE,
        "1",
        needs=(TREES, ("process_type", ("update",))),
    ),
    Hyperparameter("sample_type", Choice(("uniform", "weighted")), "uniform", note="booster dart", needs=(DART,)),
    Hyperparameter("scale_pos_weight", Real("(0, +inf)"), "1"),
    Hyperparameter("seed", Integer("(-2147483648, 2147483647)"), "0"),
    Hyperparameter("silent", ZERO_OR_ONE, "0", note="of images before 1.2; 1 means verbosity 0"),
    Hyperparameter("single_precision_histogram", Flag(), "false", note=IGNORED, needs=(NEVER,)),
    Hyperparameter("sketch_eps", Real("(0, 1)"), "0.03", note=IGNORED, needs=(NEVER,)),
    Hyperparameter("skip_drop", Real("[0, 1]"), "0.0", note="booster dart", needs=(DART,)),
    Hyperparameter("subsample", SHARE, "1", recommended=("0.5", "1"), needs=(TREES,)),
    Hyperparameter(
        "tree_method",
        Choice(("auto", "exact", "approx", "hist", "gpu_hist")),
        "auto",
        note="gpu_hist means hist on the GPU where the host has one, else hist on the CPU, and the log says so",
        needs=(TREES,),
    ),
    Hyperparameter("tweedie_variance_power", Real("(1, 2)"), "1.5", needs=(("objective", ("reg:tweedie",)),)),
    Hyperparameter("updater", WordList(rules.UPDATERS), note="the default depends on tree_method"),
    Hyperparameter("verbosity", Integer("[0, 3]"), "1", note="0 silent, 1 warnings, 2 information, 3 debugging"),
    Hyperparameter(
        "aft_loss_distribution",
        Choice(("normal", "logistic", "extreme")),
        "normal",
        needs=(("objective", ("survival:aft",)),),
    ),
    Hyperparameter("aft_loss_distribution_scale", Real("[0, +inf)"), "1", needs=(("objective", ("survival:aft",)),)),
    Hyperparameter("dsplit", Choice(("row", "col")), note=IGNORED, needs=(NEVER,)),
    Hyperparameter("num_parallel_tree", Integer("[1, +inf)"), "1", needs=(TREES,)),
    Hyperparameter(
        "predictor", Choice(("auto", "cpu_predictor", "gpu_predictor")), "auto", note=IGNORED, needs=(NEVER,)
    ),
    Hyperparameter("prob_buffer_row", Integer("(1, +inf)"), note=IGNORED, needs=(NEVER,)),
    Hyperparameter(
        "sampling_method",
        Choice(("uniform", "gradient_based")),
        "uniform",
        needs=(TREES, HISTOGRAMS),
    ),
    Hyperparameter(
        "save_model_on_termination",
        Flag(),
        "false",
        note="true: a stopped job ends after the round at hand with the model it has",
    ),
    Hyperparameter(
        "use_dask_gpu_training", Flag(), "false", note="accepted; training runs without Dask", needs=(NEVER,)
    ),
    Hyperparameter("_kfold", Integer("[2, +inf)"), note="folds of cross-validation over train and validation"),
    Hyperparameter("_num_cv_round", Integer("[1, +inf)"), "1", note="how often the folds are drawn"),
    Hyperparameter("_tuning_objective_metric", Choice(tuple(each.name for each in METRICS))),
)

MODES = ("File", "FastFile", "Pipe")

DECLARATION = Declaration(
    name="xgboost",
    title="XGBoost",
    repositories=("sagemaker-xgboost", "xgboost"),
    hyperparameters=HYPERPARAMETERS,
    channels=(
        Channel("train", CONTENT_TYPES, required=True, modes=MODES, note="Pipe: not libsvm"),
        Channel("validation", CONTENT_TYPES, modes=MODES, note="Pipe: not libsvm"),
        Channel("code", (*CONTENT_TYPES, "text/python"), note="script mode; not read by the algorithm"),
    ),
    metrics=(*METRICS, BASELINE),
    train="sagewright.algorithms.xgboost.training:train",
    serve="sagewright.algorithms.xgboost.serving:serve",
    rules=rules.RULES,
    fills_defaults=False,  # XGBoost itself chooses the defaults
    default_content_type="text/libsvm",
    log_style="xgboost",
)
