"""The declaration of Object2Vec."""

from __future__ import annotations

from dataclasses import replace

from sagewright.algorithms.deep.declaring import COMMON
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.firstparty.declaring import Kind
from sagewright.algorithms.object2vec import rules
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, Real, Text, WordList
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter, Need
from sagewright.algorithms.schema.metrics import Direction
from sagewright.algorithms.schema.wording import SCHEMA

JSON_LINES = "application/jsonlines"
NETWORKS = ("hcnn", "bilstm", "pooled_embedding")
COMPARATORS = ("hadamard", "concat", "abs_diff")
OPTIMIZERS = ("adagrad", "adam", "rmsprop", "sgd", "adadelta")
ACTIVATIONS = ("tanh", "relu", "linear")
SOFTMAX, SQUARED = "softmax", "mean_squared_error"
OWN: tuple[Need, ...] = (("enc1_network", NETWORKS),)
"""Condition of enc1's hyperparameters: they apply only if enc1 is declared separately from enc0."""
_MEASURES: tuple[tuple[str, Direction, Kind], ...] = (
    ("accuracy", "Maximize", "score"),
    ("cross_entropy", "Minimize", "loss"),
    (SQUARED, "Minimize", "loss"),
)


def _layers(side: str, own: tuple[Need, ...]) -> tuple[Hyperparameter, ...]:
    """Returns the hyperparameters of one side's network."""
    convolves: Need = (f"{side}_network", ("hcnn",))
    has_layers: Need = (f"{side}_network", ("hcnn", "bilstm"))
    width, layers = Integer("[1, 9]"), Either(("auto",), Integer("[1, 4]"))
    return (
        Hyperparameter(f"{side}_cnn_filter_width", width, default="3", recommended=("1", "5"), needs=(*own, convolves)),
        Hyperparameter(
            f"{side}_layers",
            layers,
            default="auto",
            recommended=("1", "4"),
            needs=(*own, has_layers),
            note="auto: hcnn 4, bilstm 1",
        ),
        Hyperparameter(
            f"{side}_token_embedding_dim", Integer("[2, 1000]"), default="300", recommended=("5", "300"), needs=own
        ),
    )


def _pretrained(side: str, own: tuple[Need, ...]) -> tuple[Hyperparameter, ...]:
    """Returns the hyperparameters of one side's pretrained vectors."""
    return (
        Hyperparameter(
            f"{side}_pretrained_embedding_file",
            Text(),
            default="",
            needs=own,
            note="of channel auxiliary: a token and its vector a line",
        ),
        Hyperparameter(
            f"{side}_vocab_file", Text(), default="", needs=own, note="of channel auxiliary: JSON {token: id}"
        ),
        Hyperparameter(
            f"{side}_freeze_pretrained_embedding", Flag(), default="true", needs=own, note="with an embedding file"
        ),
    )


DECLARATION = Declaration(
    name="object2vec",
    title="Object2Vec",
    repositories=("object2vec",),
    hyperparameters=(
        Hyperparameter("enc0_max_seq_len", Integer("[1, 5000]"), required=True, note="longer sequences are cut"),
        Hyperparameter("enc0_vocab_size", Integer("[2, 3000000]"), required=True),
        Hyperparameter(
            "bucket_width",
            Integer("[0, 100]"),
            default="0",
            note="batches of sequences whose lengths differ by less; 0: of any",
        ),
        Hyperparameter("comparator_list", WordList(COMPARATORS), default="hadamard, concat, abs_diff"),
        Hyperparameter("dropout", Real("[0.0, 1.0]"), default="0.0", recommended=("0.0", "1.0")),
        Hyperparameter("early_stopping_patience", Integer("[1, 5]"), default="3", recommended=("1", "5")),
        Hyperparameter(
            "early_stopping_tolerance", Real("[0.000001, 0.1]"), default="0.01", recommended=("0.001", "0.1")
        ),
        Hyperparameter("enc_dim", Integer("[4, 10000]"), default="4096", recommended=("4", "4096")),
        Hyperparameter("enc0_network", Choice(NETWORKS), default="hcnn"),
        *_layers("enc0", ()),
        *_pretrained("enc0", ()),
        Hyperparameter(
            "enc1_network", Choice(("enc0", *NETWORKS)), default="enc0", note="enc0: with all of its settings"
        ),
        Hyperparameter("enc1_max_seq_len", Integer("[1, 5000]"), needs=OWN, note="longer sequences are cut"),
        Hyperparameter("enc1_vocab_size", Integer("[2, 3000000]"), needs=OWN),
        *_layers("enc1", OWN),
        *_pretrained("enc1", OWN),
        Hyperparameter("epochs", Integer("[1, 100]"), default="30", recommended=("4", "20")),
        Hyperparameter(
            "learning_rate",
            Real("[1.0E-6, 1.0]"),
            default="0.0004",
            recommended=("1e-6", "1.0"),
            note="the default of adadelta: 1; of adam and rmsprop with an hcnn or bilstm: 0.002 after a warm-up",
        ),
        Hyperparameter("mini_batch_size", Integer("[1, 10000]"), default="32", recommended=("1", "8192")),
        Hyperparameter("mlp_activation", Choice(ACTIVATIONS), default="linear", recommended=ACTIVATIONS),
        Hyperparameter("mlp_dim", Integer("[2, 10000]"), default="512", recommended=("16", "1024")),
        Hyperparameter("mlp_layers", Integer("[0, 10]"), default="2", recommended=("1", "4")),
        Hyperparameter(
            "negative_sampling_rate",
            Integer("[0, +inf)"),
            default="0",
            note="negative pairs generated for each pair of label 1",
        ),
        Hyperparameter("num_classes", Integer("[2, 30]"), default="2", needs=(("output_layer", (SOFTMAX,)),)),
        Hyperparameter("optimizer", Choice(OPTIMIZERS), default="adam", recommended=OPTIMIZERS),
        Hyperparameter("output_layer", Choice((SOFTMAX, SQUARED)), default=SOFTMAX),
        Hyperparameter("tied_token_embedding_weight", Flag(), default="false"),
        Hyperparameter(
            "token_embedding_storage_type",
            Choice(("dense", "row_sparse")),
            default="dense",
            note="row_sparse: a mini-batch moves its own tokens only",
        ),
        Hyperparameter("weight_decay", Real("[0, 10000]"), default="0", recommended=("0.0", "1.0")),
        Hyperparameter(
            "feature_dim", Integer("[1, +inf)"), note="sent by the SDK's class, without effect", needs=(NEVER,)
        ),
        *COMMON,
    ),
    channels=(
        Channel("train", (JSON_LINES,), required=True, note="a pair a line: `label`, `in0` and `in1`"),
        Channel("validation", (JSON_LINES,)),
        Channel("test", (JSON_LINES,)),
        Channel(
            "auxiliary",
            ("application/json", JSON_LINES, "text/plain"),
            note="files of embeddings and vocabularies",
        ),
    ),
    metrics=(
        *(declaring.quality("validation", *measure, epoch=True) for measure in _MEASURES),
        *(declaring.quality("test", *measure) for measure in _MEASURES),
        *(replace(declaring.quality("train", *each, epoch=True), objective=False) for each in _MEASURES),
        declaring.BASELINE,
        *declaring.PROGRESS,
    ),
    train="sagewright.algorithms.object2vec.training:train",
    serve="sagewright.algorithms.object2vec.serving:serve",
    rules=(rules.own_encoder_is_complete, rules.tied_sides_are_alike, rules.files_are_named),
    wording=SCHEMA,
    default_content_type=JSON_LINES,
)
