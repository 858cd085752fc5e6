"""The declaration of linear learner."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.firstparty.declaring import Kind
from sagewright.algorithms.linear_learner import rules
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Domain, Either, Flag, Integer, Real
from sagewright.algorithms.schema.hyperparameters import SOLVER, Hyperparameter, Need
from sagewright.algorithms.schema.metrics import Direction, Metric
from sagewright.algorithms.schema.wording import SCHEMA

POSITIVE, NOT_NEGATIVE, SHARE = Real("(0, +inf)"), Real("[0, +inf)"), Real("(0, 1)")
COUNT = Integer("[1, +inf)")


def auto(other: Integer | Real | Flag) -> Either:
    return Either(("auto",), other)


GRADIENTS: Need = (SOLVER, ("gradients",))
BINARY: Need = ("predictor_type", ("binary_classifier",))
REGRESSOR: Need = ("predictor_type", ("regressor",))
CLASSIFIER: Need = ("predictor_type", ("binary_classifier", "multiclass_classifier"))
MULTICLASS: Need = ("predictor_type", ("multiclass_classifier",))


def optional(
    name: str, domain: Domain, default: str, *needs: Need, tuned: tuple[str, str] | None = None, note: str = ""
) -> Hyperparameter:
    return Hyperparameter(name, domain, default=default, recommended=tuned, note=note, needs=needs)


def of_loss(*names: str) -> Need:
    return "loss", names


def by_criterion(*names: str) -> Need:
    return "binary_classifier_model_selection_criteria", names


HYPERPARAMETERS = (
    Hyperparameter("predictor_type", Choice(tuple(rules.LOSSES)), required=True),
    optional("num_classes", Integer("[1, 1000000]"), "1", MULTICLASS, note="3 or more for a multiclass_classifier"),
    optional("accuracy_top_k", COUNT, "3", MULTICLASS),
    optional("balance_multiclass_weights", Flag(), "false", MULTICLASS),
    optional(
        "beta_1", auto(Real("[0, 1)")), "auto", GRADIENTS, ("optimizer", ("auto", "adam")), note="of adam; auto is 0.9"
    ),
    optional(
        "beta_2",
        auto(Real("[0, 1)")),
        "auto",
        GRADIENTS,
        ("optimizer", ("auto", "adam", "rmsprop")),
        note="of adam and rmsprop; auto is 0.999",
    ),
    optional("bias_lr_mult", auto(POSITIVE), "auto", GRADIENTS, ("use_bias", (True,)), note="auto is 10"),
    optional("bias_wd_mult", auto(NOT_NEGATIVE), "auto", ("use_bias", (True,)), note="auto is 0"),
    Hyperparameter(
        "binary_classifier_model_selection_criteria",
        Choice(
            (
                "accuracy",
                "f_beta",
                "f1",
                "precision_at_target_recall",
                "recall_at_target_precision",
                "loss_function",
                "cross_entropy_loss",
            )
        ),
        default="accuracy",
        needs=(BINARY,),
    ),
    optional("early_stopping_patience", COUNT, "3", GRADIENTS),
    optional(
        "early_stopping_tolerance",
        POSITIVE,
        "0.001",
        (SOLVER, ("gradients", "newton")),
        note="relative to the best loss",
    ),
    optional("epochs", COUNT, "15", (SOLVER, ("gradients", "newton", "l-bfgs"))),
    optional("f_beta", POSITIVE, "1.0", CLASSIFIER),
    optional("feature_dim", auto(COUNT), "auto"),
    optional(
        "huber_delta",
        POSITIVE,
        "1.0",
        of_loss("huber_loss"),
        note="in units of the normalised label, as loss_insensitivity",
    ),
    optional("init_bias", Real(), "0", GRADIENTS),
    optional("init_method", Choice(("uniform", "normal")), "uniform", GRADIENTS),
    optional(
        "init_scale",
        POSITIVE,
        "0.07",
        GRADIENTS,
        ("init_method", ("uniform",)),
        note="where no init_ setting is given, weights begin with 0",
    ),
    optional("init_sigma", POSITIVE, "0.01", GRADIENTS, ("init_method", ("normal",))),
    optional("l1", auto(NOT_NEGATIVE), "auto", tuned=("1e-7", "1")),
    optional("learning_rate", auto(POSITIVE), "auto", GRADIENTS, tuned=("1e-5", "1")),
    optional("loss", Choice(("auto", *(loss for each in rules.LOSSES.values() for loss in each))), "auto"),
    optional(
        "loss_insensitivity",
        POSITIVE,
        "0.01",
        of_loss("eps_insensitive_squared_loss", "eps_insensitive_absolute_loss"),
    ),
    optional("lr_scheduler_factor", auto(SHARE), "auto", GRADIENTS, ("use_lr_scheduler", (True,)), note="auto is 0.99"),
    optional(
        "lr_scheduler_minimum_lr", auto(POSITIVE), "auto", GRADIENTS, ("use_lr_scheduler", (True,)), note="auto is 1e-5"
    ),
    optional(
        "lr_scheduler_step",
        auto(COUNT),
        "auto",
        GRADIENTS,
        ("use_lr_scheduler", (True,)),
        note="in mini-batches; auto is 100",
    ),
    optional("margin", POSITIVE, "1.0", of_loss("hinge_loss"), note="of hinge_loss"),
    optional(
        "mini_batch_size",
        COUNT,
        "1000",
        GRADIENTS,
        tuned=("100", "5000"),
        note="as many as there are rows: as not given",
    ),
    optional("momentum", auto(Real("[0, 1)")), "auto", GRADIENTS, ("optimizer", ("sgd",)), note="of sgd; auto is 0.9"),
    optional("normalize_data", auto(Flag()), "true"),
    optional("normalize_label", auto(Flag()), "auto", REGRESSOR, note="of a regressor; auto is true"),
    optional(
        "num_calibration_samples", auto(COUNT), "auto", BINARY, note="auto: all of validation, or 50,000 of train"
    ),
    optional(
        "num_models",
        auto(COUNT),
        "auto",
        note="auto, with gradients: 32, fewer where that would not fit; solved for: as many as can help; 1 in a tuning job",
    ),
    optional("num_point_for_scaler", COUNT, "10000"),
    optional("optimizer", Choice(("auto", "adam", "sgd", "rmsprop")), "auto", GRADIENTS, note="auto is adam"),
    Hyperparameter(
        "positive_example_weight_mult",
        Either(("balanced", "auto"), POSITIVE),
        default="1.0",
        recommended=("1e-5", "1e5"),
        note="auto tries several",
        needs=(BINARY,),
    ),
    optional("quantile", SHARE, "0.5", of_loss("quantile_loss")),
    optional("target_precision", SHARE, "0.8", BINARY, by_criterion("recall_at_target_precision")),
    optional("target_recall", SHARE, "0.8", BINARY, by_criterion("precision_at_target_recall")),
    optional("unbias_data", auto(Flag()), "auto", note="auto: of dense rows"),
    optional("unbias_label", auto(Flag()), "auto", REGRESSOR, note="of a regressor; auto is true"),
    Hyperparameter("use_bias", Flag(), default="true", recommended=("true", "false")),
    optional("use_lr_scheduler", Flag(), "true", GRADIENTS),
    optional("wd", auto(NOT_NEGATIVE), "auto", tuned=("1e-7", "1")),
    optional(
        "_solver",
        Choice(("auto", "gradients", "second_order")),
        "auto",
        note="not AWS's; auto is second_order if the loss is smooth, the rows are in memory, there is no l1, and no setting for "
        "gradients is given",
    ),
)

_LOSSES: tuple[str, ...] = ("mse", "absolute_loss")
_BINARY = ("binary_classification_accuracy", "precision", "recall", "roc_auc_score")
_MULTICLASS = ("multiclass_accuracy", "macro_precision", "macro_recall", "dcg")
_SHOWN = {
    "binary_f_beta": r"binary_f_\S+",
    "multiclass_top_k_accuracy": r"multiclass_top_k_accuracy_\S+",
    "macro_f_beta": r"macro_f_\S+",
}


def _metrics(part: str) -> tuple[Metric, ...]:
    names: list[tuple[str, Direction, Kind]] = [(name, "Minimize", "loss") for name in _LOSSES]
    if part == "validation":
        names.append(("rmse", "Minimize", "loss"))
    scores = (*_BINARY, "binary_f_beta") if part == "train" else (*_BINARY, *_MULTICLASS, *_SHOWN)
    names += [(name, "Maximize", "score") for name in scores]
    known = [declaring.quality(part, name, way, kind, shown=_SHOWN.get(name, "")) for name, way, kind in names]
    objective = declaring.quality(
        part, "objective_loss", "Minimize", "loss", shown=r"\S+_objective", epoch=part != "test"
    )
    if part == "train":
        known.append(declaring.BASELINE)
    if part == "test":
        return (*known, objective)
    final = declaring.quality(part, "objective_loss:final", "Minimize", "loss", shown=r"\S+_objective")
    return (*known, objective, final)


DECLARATION = Declaration(
    name="linear-learner",
    title="Linear learner",
    repositories=("linear-learner",),
    hyperparameters=(*HYPERPARAMETERS, *declaring.COMMON),
    channels=(
        declaring.channel("train", required=True),
        declaring.channel("validation"),
        declaring.channel("test"),
    ),
    metrics=(*_metrics("train"), *_metrics("validation"), *_metrics("test"), *declaring.PROGRESS),
    train="sagewright.algorithms.linear_learner.training:train",
    serve="sagewright.algorithms.linear_learner.model:serve",
    rules=(rules.loss_fits_predictor, rules.multiclass_has_classes),
    wording=SCHEMA,
    default_content_type=declaring.PROTOBUF,
)
