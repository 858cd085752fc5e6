"""The declaration of the neural topic model."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.firstparty.declaring import quality
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, IntegerList, Real
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA

DECLARATION = Declaration(
    name="ntm",
    title="Neural topic model",
    repositories=("ntm",),
    hyperparameters=(
        Hyperparameter("feature_dim", Integer("[1, 1000000]"), required=True, note="words of the vocabulary"),
        Hyperparameter("num_topics", Integer("[2, 1000]"), required=True),
        Hyperparameter("batch_norm", Flag(), default="false", note="of the encoder's layers"),
        Hyperparameter(
            "clip_gradient", Real("[0.001, +inf]"), default="Infinity", note="gradients are cut to this on both sides"
        ),
        Hyperparameter(
            "encoder_layers",
            Either(("auto",), IntegerList("[1, +inf)")),
            default="auto",
            note="widths; auto: one layer, three times as wide as there are topics, of 100 at least",
        ),
        Hyperparameter(
            "encoder_layers_activation",
            Choice(("sigmoid", "tanh", "relu")),
            default="sigmoid",
            recommended=("sigmoid", "tanh", "relu"),
        ),
        Hyperparameter("epochs", Integer("[1, +inf)"), default="50", note="at most"),
        Hyperparameter(
            "learning_rate",
            Real("[1e-6, 1.0]"),
            default="0.001",
            recommended=("1e-4", "0.1"),
            note="of adadelta, which has none as published: its steps times this over 0.001; see optimizer",
        ),
        Hyperparameter(
            "mini_batch_size", Integer("[1, 10000]"), default="256", recommended=("16", "2048"), note="of each host"
        ),
        Hyperparameter("num_patience_epochs", Integer("[1, +inf)"), default="3"),
        Hyperparameter(
            "optimizer",
            Choice(("sgd", "adam", "adagrad", "adadelta", "rmsprop")),
            default="adadelta",
            recommended=("sgd", "adam", "adadelta"),
            note="where this and learning_rate are the defaults, adam with 0.003",
        ),
        Hyperparameter(
            "rescale_gradient", Real("[0.001, 1.0]"), default="1.0", recommended=("0.1", "1.0"), note="a factor"
        ),
        Hyperparameter(
            "sub_sample",
            Real("[0, 1]"),
            default="1.0",
            note="share of the rows that an epoch learns from; 0.01 at least",
        ),
        Hyperparameter(
            "tolerance",
            Real("[1e-6, 0.1]"),
            default="0.001",
            note="training ends when the loss fell by less than this share of itself within num_patience_epochs",
        ),
        Hyperparameter(
            "weight_decay", Real("[0, 1]"), default="0.0", recommended=("0.0", "1.0"), note="of weights, not of biases"
        ),
        Hyperparameter(
            "_start",
            Choice(("sampled", "clusters", "random")),
            default="sampled",
            note="not AWS's: documents mix topics that Gibbs sampling found; or they multiply topics that begin from clusters of "
            "documents, or all alike but for chance",
        ),
        *declaring.COMMON,
    ),
    channels=(
        declaring.channel("train", required=True),
        declaring.channel("validation"),
        declaring.channel("test"),
        declaring.channel(
            "auxiliary",
            media=("text/plain",),
            note="`vocab.txt`: the words, one a line, UTF-8; `vectors.txt`: vectors of words",
        ),
    ),
    metrics=(
        quality("validation", "total_loss", "Minimize", "loss", epoch=True),
        quality("train", "total_loss", "Minimize", "loss", epoch=True),
        quality("test", "total_loss", "Minimize", "loss"),
        declaring.BASELINE,
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.ntm.training:train",
    serve="sagewright.algorithms.ntm.model:serve",
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.mixtures.gibbs:rehearse"),
    default_content_type=declaring.PROTOBUF,
)
