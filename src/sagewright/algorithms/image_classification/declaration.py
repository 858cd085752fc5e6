"""Image classification's declaration."""

from __future__ import annotations

from sagewright.algorithms.deep import declaring
from sagewright.algorithms.firstparty.declaring import BASELINE
from sagewright.algorithms.image_classification import rules
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, IntegerList, Real, Text
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA

POSITIVE = Integer("[1, 2147483647]")
YES_OR_NO = Choice(("0", "1"))
SHARE = Real("[0, 1]")
STOPS = (("early_stopping", (True,)),)
IMAGES = ("application/x-image", "image/jpeg", "image/png")
RECORDS = "application/x-recordio"


def _of(*optimizers: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("optimizer", optimizers),)


def _data(name: str) -> Channel:
    return Channel(
        name,
        (RECORDS, *IMAGES),
        required=True,
        modes=("File", "FastFile", "Pipe"),
        note="RecordIO of MXNet; images, with a list in the other channel; or an augmented manifest in Pipe mode",
    )


def _list(name: str) -> Channel:
    return Channel(name, IMAGES, note="if the images are not in RecordIO: index, label and path, separated by TABs")


DECLARATION = Declaration(
    name="image-classification",
    title="Image Classification",
    repositories=("image-classification",),
    hyperparameters=(
        Hyperparameter("num_classes", POSITIVE, required=True),
        Hyperparameter("num_training_samples", POSITIVE, required=True, note="size of an epoch for lr_scheduler_step"),
        Hyperparameter("augmentation_type", Choice(("crop", "crop_color", "crop_color_transform"))),
        Hyperparameter("beta_1", SHARE, default="0.9", recommended=("1e-6", "0.999"), needs=_of("adam")),
        Hyperparameter("beta_2", SHARE, default="0.999", recommended=("1e-6", "0.999"), needs=_of("adam")),
        Hyperparameter(
            "checkpoint_frequency", POSITIVE, note="in epochs; the weights of the best epoch are kept besides"
        ),
        Hyperparameter("early_stopping", Flag(), default="False"),
        Hyperparameter("early_stopping_min_epochs", POSITIVE, default="10", needs=STOPS),
        Hyperparameter("early_stopping_patience", POSITIVE, default="5", needs=STOPS),
        Hyperparameter(
            "early_stopping_tolerance", SHARE, default="0.0", needs=STOPS, note="share of the best accuracy"
        ),
        Hyperparameter("epochs", POSITIVE, default="30"),
        Hyperparameter("eps", SHARE, default="1e-8", recommended=("1e-8", "1.0"), needs=_of("adam", "rmsprop")),
        Hyperparameter("gamma", SHARE, default="0.9", recommended=("1e-8", "0.999"), needs=_of("rmsprop")),
        Hyperparameter("image_shape", Text(), default=rules.SHAPE, note="channels,height,width"),
        Hyperparameter(
            "kv_store", Choice(("dist_sync", "dist_async")), note="hosts average their gradients either way"
        ),
        Hyperparameter("learning_rate", SHARE, default="0.1", recommended=("1e-6", "0.5")),
        Hyperparameter("lr_scheduler_factor", SHARE, default="0.1", note="of what lr_scheduler_step says"),
        Hyperparameter("lr_scheduler_step", IntegerList("[1, 2147483647]"), note="epochs after which the rate falls"),
        Hyperparameter("mini_batch_size", POSITIVE, default="32", recommended=("8", "512"), note="of each host"),
        Hyperparameter("momentum", SHARE, default="0.9", recommended=("0.0", "0.999"), needs=_of("sgd", "nag")),
        Hyperparameter("multi_label", YES_OR_NO, default="0"),
        Hyperparameter("num_layers", Choice((*rules.LARGE, *rules.SMALL)), default=rules.DEFAULT_LAYERS),
        Hyperparameter(
            "optimizer",
            Choice(("sgd", "adam", "rmsprop", "nag")),
            default="sgd",
            recommended=("sgd", "adam", "rmsprop", "nag"),
        ),
        Hyperparameter("precision_dtype", Choice(("float32", "float16")), default="float32", note="on CPUs bfloat16"),
        Hyperparameter("resize", POSITIVE, note="the short side; required where the data are images"),
        Hyperparameter("top_k", Integer("[2, 2147483647]"), needs=(("multi_label", ("0",)),), note="is logged as well"),
        Hyperparameter("use_pretrained_model", YES_OR_NO, default="0"),
        Hyperparameter("use_weighted_loss", YES_OR_NO, default="0", needs=(("multi_label", ("1",)),)),
        Hyperparameter("weight_decay", SHARE, default="0.0001", recommended=("0.0", "0.999")),
        *declaring.COMMON,
    ),
    channels=(
        _data("train"),
        _data("validation"),
        _list("train_lst"),
        _list("validation_lst"),
        Channel(
            "model", ("application/x-sagemaker-model",), note="an earlier job's model, or a file of pretrained weights"
        ),
    ),
    metrics=(
        Metric("validation:accuracy", "Maximize", r"Epoch\S* Validation-accuracy=(\S*)"),
        Metric("validation:accuracy:epoch", "Maximize", r"Epoch\S* Validation-accuracy=(\S*)", objective=False),
        Metric("train:accuracy", "Maximize", r"Epoch\S* Train-accuracy=(\S*)", objective=False),
        Metric("train:accuracy:epoch", "Maximize", r"Epoch\S* Train-accuracy=(\S*)", objective=False),
        BASELINE,
    ),
    train="sagewright.algorithms.image_classification.training:train",
    serve="sagewright.algorithms.image_classification.model:serve",
    rules=(
        rules.shape_of_three,
        rules.resize_covers_the_shape,
        rules.steps_are_epochs,
        rules.top_k_within_the_classes,
        rules.pretrained_networks,
    ),
    wording=SCHEMA,
)
