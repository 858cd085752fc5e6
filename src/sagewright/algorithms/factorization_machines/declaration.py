"""Factorization machines' declaration."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.firstparty.declaring import Kind, quality
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Choice, Integer, Real
from sagewright.algorithms.schema.hyperparameters import SOLVER, Hyperparameter, Need
from sagewright.algorithms.schema.metrics import Direction, Metric
from sagewright.algorithms.schema.wording import SCHEMA

COUNT, NOT_NEGATIVE = Integer("[1, +inf)"), Real("[0, +inf)")
TUNED = ("1e-8", "512")
PARTS = {
    "bias": ("0.01", "0.1", "0.01"),
    "linear": ("0.01", "0.001", "0.001"),
    "factors": ("0.001", "0.0001", "0.00001"),
}
"""For each part of the model: init_sigma, lr, wd."""


ADAM: Need = (SOLVER, ("adam",))


def _of_part(name: str) -> tuple[Hyperparameter, ...]:
    sigma, rate, decay = PARTS[name]

    def tuned(
        suffix: str, *needs: Need, domain: Real = NOT_NEGATIVE, default: str = "", note: str = ""
    ) -> Hyperparameter:
        return Hyperparameter(
            f"{name}_{suffix}", domain, default or None, recommended=TUNED, needs=(ADAM, *needs), note=note
        )

    def with_method(word: str) -> Need:
        return f"{name}_init_method", (word,)

    return (
        Hyperparameter(
            f"{name}_init_method", Choice(("uniform", "normal", "constant")), default="normal", needs=(ADAM,)
        ),
        tuned("init_scale", with_method("uniform"), note="of uniform; 0.07 where it is not given"),
        tuned("init_sigma", with_method("normal"), default=sigma, note="of normal"),
        tuned("init_value", with_method("constant"), domain=Real(), note="of constant; 0 where it is not given"),
        tuned("lr", default=rate),
        tuned("wd", default=decay),
    )


_SOLVER = Hyperparameter(
    "_solver",
    Choice(("auto", "adam", "mcmc")),
    default="auto",
    note="not AWS's; auto is mcmc where no setting of gradients is given and the rows fit in memory",
)

_LOSSES: tuple[tuple[str, Direction, Kind], ...] = (
    ("rmse", "Minimize", "loss"),
    ("mse", "Minimize", "loss"),
    ("absolute_loss", "Minimize", "loss"),
    ("binary_classification_cross_entropy", "Minimize", "loss"),
    ("binary_classification_accuracy", "Maximize", "score"),
    ("binary_f_beta", "Maximize", "score"),
)
_SHOWN = {"binary_f_beta": r"binary_f_\S+"}


def _metrics(part: str, *, epoch: bool) -> tuple[Metric, ...]:
    return tuple(quality(part, name, way, kind, shown=_SHOWN.get(name, ""), epoch=epoch) for name, way, kind in _LOSSES)


DECLARATION = Declaration(
    name="factorization-machines",
    title="Factorization machines",
    repositories=("factorization-machines",),
    hyperparameters=(
        Hyperparameter("feature_dim", COUNT, required=True),
        Hyperparameter("num_factors", COUNT, required=True),
        Hyperparameter("predictor_type", Choice(("binary_classifier", "regressor")), required=True),
        Hyperparameter(
            "epochs",
            COUNT,
            default="1",
            recommended=("1", "1000"),
            aliases=("epoch",),
            note="with mcmc the sweeps that are used; where it is 1 as many as pay, with either solver",
        ),
        Hyperparameter(
            "mini_batch_size",
            COUNT,
            default="1000",
            recommended=("100", "10000"),
            needs=(ADAM,),
            sent=("200",),
            note="200, which AWS's SDK sends by default, does not select adam",
        ),
        *(each for part in PARTS for each in _of_part(part)),
        Hyperparameter(
            "clip_gradient", Real("[0, +inf)"), note="gradients are cut to this on both sides", needs=(ADAM,)
        ),
        Hyperparameter("eps", Real("[0, +inf)"), note="of Adam; 1e-8 where it is not given", needs=(ADAM,)),
        Hyperparameter(
            "rescale_grad",
            Real(),
            note="gradients are multiplied with it; 1 / mini_batch_size where it is not given",
            needs=(ADAM,),
        ),
        _SOLVER,
        *declaring.COMMON,
    ),
    channels=(
        declaring.channel("train", required=True, media=(declaring.PROTOBUF,)),
        declaring.channel("test", media=(declaring.PROTOBUF,)),
    ),
    metrics=(*_metrics("test", epoch=False), *_metrics("train", epoch=True), declaring.BASELINE, *declaring.PROGRESS),
    train="sagewright.algorithms.factorization_machines.training:train",
    serve="sagewright.algorithms.factorization_machines.model:serve",
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.factorization_machines.kernel:rehearse"),
    default_content_type=declaring.PROTOBUF,
)
