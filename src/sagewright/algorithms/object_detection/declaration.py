"""The declaration of object detection."""

from __future__ import annotations

from sagewright.algorithms.deep import declaring
from sagewright.algorithms.firstparty.declaring import BASELINE, PROGRESS
from sagewright.algorithms.object_detection import rules
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, IntegerList, Real, Text
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA

POSITIVE = Integer("[1, 2147483647]")
STOPS = (("early_stopping", (True,)),)
IMAGES = ("image/jpeg", "image/png", "application/x-image")
RECORDS = "application/x-recordio"
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adadelta")


def _data(name: str) -> Channel:
    return Channel(
        name,
        (RECORDS, *IMAGES),
        required=True,
        modes=("File", "FastFile", "Pipe"),
        note="RecordIO of MXNet; images, with annotations in the other channel; or an augmented manifest in Pipe mode",
    )


def _annotations(name: str) -> Channel:
    return Channel(
        name, (*IMAGES, "application/json"), note="if the images are not in RecordIO: JSON files named like the images"
    )


def _loss(name: str) -> Metric:
    regex = rf"#quality_metric: host=\S+, epoch=\S+, batch=\S+ train {name} <loss>=\((\S+)\)"
    return Metric(f"train:{name}", "Minimize", regex, objective=False)


DECLARATION = Declaration(
    name="object-detection",
    title="Object Detection",
    repositories=("object-detection",),
    hyperparameters=(
        Hyperparameter("num_classes", POSITIVE, required=True),
        Hyperparameter("num_training_samples", POSITIVE, required=True, note="size of an epoch for lr_scheduler_step"),
        Hyperparameter("base_network", Choice(("vgg-16", "resnet-50")), default="vgg-16"),
        Hyperparameter("early_stopping", Flag(), default="False"),
        Hyperparameter("early_stopping_min_epochs", POSITIVE, default="10", needs=STOPS),
        Hyperparameter("early_stopping_patience", POSITIVE, default="5", needs=STOPS),
        Hyperparameter(
            "early_stopping_tolerance", Real("[0, 1]"), default="0.0", needs=STOPS, note="share of the best mAP"
        ),
        Hyperparameter("epochs", POSITIVE, default="30"),
        Hyperparameter(
            "freeze_layer_pattern", Text(), note="a regular expression: weights whose names begin so don't learn"
        ),
        Hyperparameter(
            "image_shape", Integer("[300, 2147483647]"), default=str(rules.SIDE), note="the side of a square"
        ),
        Hyperparameter(
            "kv_store", Choice(("dist_sync", "dist_async")), note="hosts average their gradients either way"
        ),
        Hyperparameter("label_width", POSITIVE, default="350", note="numbers of the longest label: 2, and 5 an object"),
        Hyperparameter("learning_rate", Real("(0, 1]"), default="0.001", recommended=("1e-6", "0.5")),
        Hyperparameter("lr_scheduler_factor", Real("(0, 1)"), default="0.1", note="of what lr_scheduler_step says"),
        Hyperparameter(
            "lr_scheduler_step",
            Either(("",), IntegerList("[1, 2147483647]")),
            default="",
            note="epochs after which the rate falls",
        ),
        Hyperparameter("mini_batch_size", POSITIVE, default="32", recommended=("8", "64"), note="of each host"),
        Hyperparameter(
            "momentum", Real("[0, 1]"), default="0.9", recommended=("0.0", "0.999"), needs=(("optimizer", ("sgd",)),)
        ),
        Hyperparameter("nms_threshold", Real("(0, 1]"), default="0.45", note="of boxes that say the same twice"),
        Hyperparameter("optimizer", Choice(OPTIMIZERS), default="sgd", recommended=OPTIMIZERS),
        Hyperparameter(
            "overlap_threshold", Real("(0, 1]"), default="0.5", note="with which mAP counts a thing as found"
        ),
        Hyperparameter(
            "use_pretrained_model", Choice(("0", "1")), default="1", note="where weights are found; else from scratch"
        ),
        Hyperparameter("weight_decay", Real("[0, 1)"), default="0.0005", recommended=("0.0", "0.999")),
        Hyperparameter(
            "_width", Integer("[1, 64]"), default="64", note="channels of the first stage; fewer are quicker; not AWS's"
        ),
        declaring.PRECISION,
        *declaring.COMMON,
    ),
    channels=(
        _data("train"),
        _data("validation"),
        _annotations("train_annotation"),
        _annotations("validation_annotation"),
        Channel("model", ("application/x-sagemaker-model",), note="an earlier job's model, or pretrained weights"),
    ),
    metrics=(
        Metric(
            "validation:mAP",
            "Maximize",
            r"#quality_metric: host=\S+, epoch=\S+, validation mAP <score>=\((\S+)\)",
        ),
        _loss("cross_entropy"),
        _loss("smooth_l1"),
        BASELINE,
        *PROGRESS,
    ),
    train="sagewright.algorithms.object_detection.training:train",
    serve="sagewright.algorithms.object_detection.model:serve",
    rules=(rules.sides_are_bounded, rules.classes_are_bounded, rules.pattern_is_a_regex),
    wording=SCHEMA,
)
