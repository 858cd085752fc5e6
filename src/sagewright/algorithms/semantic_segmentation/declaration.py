"""The declaration of semantic segmentation."""

from __future__ import annotations

from sagewright.algorithms.deep import declaring
from sagewright.algorithms.firstparty.declaring import BASELINE
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, IntegerList, Real
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA
from sagewright.algorithms.semantic_segmentation import rules

POSITIVE = Integer("[1, 2147483647]")
SIDE = Integer("[17, 2147483647]")
SHARE = Real("[0, 1]")
STOPS = (("early_stopping", (True,)),)
RMSPROP = (("optimizer", ("rmsprop",)),)
STEP = (("lr_scheduler", ("step",)),)
IMAGES = ("image/jpeg", "image/png", "application/x-image")
RECORDS = "application/x-recordio"


def _images(name: str) -> Channel:
    return Channel(
        name,
        (RECORDS, *IMAGES),
        required=True,
        modes=("File", "FastFile", "Pipe"),
        note="images, with annotations in the other channel; or an augmented manifest in Pipe mode",
    )


def _annotations(name: str) -> Channel:
    return Channel(name, ("image/png", "application/x-image", "image/jpeg"), note="PNG masks of the images' names")


DECLARATION = Declaration(
    name="semantic-segmentation",
    title="Semantic Segmentation",
    repositories=("semantic-segmentation",),
    hyperparameters=(
        Hyperparameter("num_classes", Integer("[2, 254]"), required=True),
        Hyperparameter(
            "num_training_samples", POSITIVE, required=True, note="size of an epoch for the learning rate schedule"
        ),
        Hyperparameter("backbone", Choice(("resnet-50", "resnet-101")), default="resnet-50"),
        Hyperparameter(
            "use_pretrained_model", Flag(), default="True", note="where weights are found; else from scratch"
        ),
        Hyperparameter("algorithm", Choice(("fcn", "psp", "deeplab")), default="fcn"),
        Hyperparameter("base_size", SIDE, default=str(rules.BASE), note="the long side, times 0.5 to 2 in training"),
        Hyperparameter("crop_size", SIDE, default=str(rules.CROP), note="rounded up to a multiple of 8"),
        Hyperparameter("early_stopping", Flag(), default="False"),
        Hyperparameter("early_stopping_min_epochs", Integer("[0, 2147483647]"), default="5", needs=STOPS),
        Hyperparameter("early_stopping_patience", POSITIVE, default="4", needs=STOPS),
        Hyperparameter("early_stopping_tolerance", SHARE, default="0.0", needs=STOPS, note="share of the best mIOU"),
        Hyperparameter("epochs", POSITIVE, default="10"),
        Hyperparameter("gamma1", SHARE, default="0.9", needs=RMSPROP, note="how slowly the average forgets"),
        Hyperparameter("gamma2", SHARE, default="0.9", needs=RMSPROP, note="the momentum"),
        Hyperparameter("learning_rate", Real("(0, 1]"), default="0.001", recommended=("1e-4", "1e-1")),
        Hyperparameter("lr_scheduler", Choice(("poly", "step", "cosine")), default="poly"),
        Hyperparameter("lr_scheduler_factor", SHARE, default="0.1", needs=STEP),
        Hyperparameter("lr_scheduler_step", IntegerList("[1, 2147483647]"), needs=STEP),
        Hyperparameter("mini_batch_size", POSITIVE, default="16", recommended=("1", "128")),
        Hyperparameter(
            "momentum",
            Real("(0, 1]"),
            default="0.9",
            recommended=("0.9", "0.999"),
            needs=(("optimizer", ("sgd", "nag")),),
        ),
        Hyperparameter(
            "optimizer",
            Choice(("sgd", "adam", "adagrad", "nag", "rmsprop", "adadelta")),
            default="sgd",
            recommended=("sgd", "adam", "adadelta"),
        ),
        Hyperparameter("syncbn", Flag(), default="False", needs=(NEVER,), note="accepted; there is one device"),
        Hyperparameter("validation_mini_batch_size", POSITIVE, default="16", note="images that are measured at once"),
        Hyperparameter("weight_decay", Real("(0, 1)"), default="0.0001", recommended=("1e-5", "1e-3")),
        Hyperparameter(
            "_width", Integer("[1, 64]"), default="64", note="channels of the first stage; fewer are quicker; not AWS's"
        ),
        declaring.PRECISION,
        *declaring.COMMON,
    ),
    channels=(
        _images("train"),
        _images("validation"),
        _annotations("train_annotation"),
        _annotations("validation_annotation"),
        Channel("label_map", ("application/json",), note="`train_label_map.json`, `validation_label_map.json`"),
        Channel("model", ("application/x-sagemaker-model",), note="an earlier job's model, or pretrained weights"),
    ),
    metrics=(
        Metric("validation:mIOU", "Maximize", r"validation mIOU: (\S+)"),
        Metric("validation:pixel_accuracy", "Maximize", r"pixel_accuracy: (\S+)"),
        Metric("train:loss", "Minimize", r"train loss: (\S+)", objective=False),
        Metric("train:throughput", "Maximize", r"train throughput: (\S+)", objective=False),
        Metric("validation:throughput", "Maximize", r"validation throughput: (\S+)", objective=False),
        BASELINE,
    ),
    train="sagewright.algorithms.semantic_segmentation.training:train",
    serve="sagewright.algorithms.semantic_segmentation.model:serve",
    rules=(rules.steps_are_said, rules.sides_are_bounded),
    wording=SCHEMA,
)
