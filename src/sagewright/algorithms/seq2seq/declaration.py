"""The declaration of Seq2Seq."""

from __future__ import annotations

from sagewright.algorithms.deep.declaring import COMMON
from sagewright.algorithms.firstparty.declaring import BASELINE
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, Real, Size
from sagewright.algorithms.schema.hyperparameters import Hyperparameter, Need
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA
from sagewright.algorithms.seq2seq import rules

PROTOBUF = ("application/x-recordio-protobuf", "recordio-protobuf")
POSITIVE, SHARE = Integer("[1, +inf)"), Real("[0, 1]")
SIZES = ("128", "256", "512", "1024", "2048")
HALF = ("0.0", "0.5")
STANDARD: Need = ("_architecture", ("standard",))
CNN_ENCODER: Need = ("encoder_type", ("cnn",))
RNN_DECODER: Need = ("decoder_type", ("rnn",))
CNN_DECODER: Need = ("decoder_type", ("cnn",))
PLATEAU = ("lr_scheduler_type", ("plateau_reduce",))
FIXED = ("lr_scheduler_type", ("fixed_rate_inv_t", "fixed_rate_inv_sqrt_t"))
XAVIER = ("weight_init_type", ("xavier",))

_TRAINING = (
    Hyperparameter(
        "batch_size",
        Size("[1, +inf)"),
        default="64",
        recommended=("16", "32", "64", "128", "256", "512", "1024", "2048"),
    ),
    Hyperparameter("bleu_sample_size", Integer("[-1, +inf)"), default="0", note="0: no BLEU; -1: of all of validation"),
    Hyperparameter(
        "bucket_width", POSITIVE, default="10", needs=(("bucketing_enabled", (True,)),), note="of lengths in a batch"
    ),
    Hyperparameter("bucketing_enabled", Flag(), default="true"),
    Hyperparameter(
        "checkpoint_frequency_num_batches", POSITIVE, default="1000", note="between two looks at validation"
    ),
    Hyperparameter("checkpoint_threshold", POSITIVE, default="3", note="looks without improvement before the end"),
    Hyperparameter(
        "clip_gradient",
        Real("(-inf, +inf)"),
        default="1",
        recommended=("1.0", "5.0"),
        note="of each number; below 0: none",
    ),
    Hyperparameter("fixed_rate_lr_half_life", POSITIVE, default="10", recommended=("10", "30"), needs=(FIXED,)),
    Hyperparameter("learning_rate", Real("(0, +inf)"), default="0.0003", recommended=("0.00005", "0.2")),
    Hyperparameter("loss_type", Choice(("cross-entropy",)), default="cross-entropy"),
    Hyperparameter(
        "lr_scheduler_type",
        Choice(("plateau_reduce", "fixed_rate_inv_t", "fixed_rate_inv_sqrt_t")),
        default="plateau_reduce",
        recommended=("plateau_reduce", "fixed_rate_inv_t", "fixed_rate_inv_sqrt_t"),
    ),
    Hyperparameter("max_num_batches", Integer("[-1, +inf)"), default="-1", note="-1: no limit"),
    Hyperparameter("max_num_epochs", POSITIVE),
    Hyperparameter("max_seq_len_source", POSITIVE, default="100", note="longer ones are left out"),
    Hyperparameter("max_seq_len_target", POSITIVE, default="100", note="longer ones are left out"),
    Hyperparameter("min_num_epochs", Integer("[0, +inf)"), default="0"),
    Hyperparameter("momentum", Real("[0, 1)"), recommended=("0.5", "0.9"), needs=(("optimizer_type", ("sgd",)),)),
    Hyperparameter("optimized_metric", Choice(("perplexity", "accuracy", "bleu")), default="perplexity"),
    Hyperparameter(
        "optimizer_type", Choice(("adam", "sgd", "rmsprop")), default="adam", recommended=("adam", "sgd", "rmsprop")
    ),
    Hyperparameter(
        "plateau_reduce_lr_factor", Real("(0, 1]"), default="0.5", recommended=("0.1", "0.5"), needs=(PLATEAU,)
    ),
    Hyperparameter("plateau_reduce_lr_threshold", POSITIVE, default="3", recommended=("1", "5"), needs=(PLATEAU,)),
    Hyperparameter("training_metric", Choice(("perplexity", "accuracy")), default="perplexity"),
    Hyperparameter("weight_decay", Real("[0, +inf)"), default="0", recommended=("0.0", "0.1")),
    Hyperparameter("weight_init_scale", Real("[0, +inf)"), default="2.34", recommended=("2.0", "3.0")),
    Hyperparameter(
        "weight_init_type", Choice(("uniform", "xavier")), default="xavier", recommended=("xavier", "uniform")
    ),
    Hyperparameter("xavier_factor_type", Choice(("in", "out", "avg")), default="in", needs=(XAVIER,)),
)

_NETWORK = (
    Hyperparameter("beam_size", POSITIVE, default="5", note="hypotheses that are followed at once"),
    Hyperparameter(
        "cnn_activation_type",
        Choice(("glu", "relu", "softrelu", "sigmoid", "tanh")),
        default="glu",
        note="of cnn",
        needs=(STANDARD,),
    ),
    Hyperparameter("cnn_hidden_dropout", SHARE, default="0", recommended=HALF, note="of cnn", needs=(STANDARD,)),
    Hyperparameter(
        "cnn_kernel_width_decoder",
        POSITIVE,
        default="5",
        needs=(STANDARD, CNN_DECODER),
    ),
    Hyperparameter(
        "cnn_kernel_width_encoder",
        POSITIVE,
        default="3",
        needs=(STANDARD, CNN_ENCODER),
    ),
    Hyperparameter(
        "cnn_num_hidden", Size("[1, +inf)"), default="512", recommended=SIZES, note="of cnn", needs=(STANDARD,)
    ),
    Hyperparameter("decoder_type", Choice(("rnn", "cnn")), default="rnn", needs=(STANDARD,)),
    Hyperparameter("embed_dropout_source", SHARE, default="0", recommended=HALF),
    Hyperparameter("embed_dropout_target", SHARE, default="0", recommended=HALF),
    Hyperparameter("encoder_type", Choice(("rnn", "cnn")), default="rnn", needs=(STANDARD,)),
    Hyperparameter("num_embed_source", POSITIVE, default="512", recommended=("256", "512")),
    Hyperparameter("num_embed_target", POSITIVE, default="512", recommended=("256", "512")),
    Hyperparameter("num_layers_decoder", POSITIVE, default="1", recommended=("1", "10")),
    Hyperparameter("num_layers_encoder", POSITIVE, default="1", recommended=("1", "10")),
    Hyperparameter(
        "rnn_attention_in_upper_layers",
        Flag(),
        default="true",
        needs=(STANDARD, RNN_DECODER),
    ),
    Hyperparameter(
        "rnn_attention_num_hidden",
        POSITIVE,
        needs=(STANDARD, RNN_DECODER, ("rnn_attention_type", ("mlp",))),
        note="the default: rnn_num_hidden",
    ),
    Hyperparameter(
        "rnn_attention_type",
        Choice(("dot", "fixed", "mlp", "bilinear")),
        default="mlp",
        needs=(STANDARD, RNN_DECODER),
    ),
    Hyperparameter("rnn_cell_type", Choice(("lstm", "gru")), default="lstm", note="of rnn", needs=(STANDARD,)),
    Hyperparameter(
        "rnn_decoder_state_init",
        Choice(("last", "avg", "zero")),
        default="last",
        needs=(STANDARD, RNN_DECODER),
    ),
    Hyperparameter(
        "rnn_first_residual_layer",
        Integer("[1, +inf)"),
        default="2",
        needs=(
            STANDARD,
            ("rnn_residual_connections", (True,)),
        ),
    ),
    Hyperparameter("rnn_num_hidden", Size("[2, +inf)", even=True), default="1024", recommended=SIZES, note="of rnn"),
    Hyperparameter("rnn_residual_connections", Flag(), default="false", note="of rnn", needs=(STANDARD,)),
    Hyperparameter("rnn_decoder_hidden_dropout", SHARE, default="0", recommended=HALF, needs=(RNN_DECODER,)),
    Hyperparameter(
        "_architecture",
        Choice(("standard", "transformer")),
        default="standard",
        note="transformer: of size rnn_num_hidden, with heads of 64 numbers; not AWS's",
    ),
)

DECLARATION = Declaration(
    name="seq2seq",
    title="Seq2Seq",
    repositories=("seq2seq",),
    hyperparameters=(*_TRAINING, *_NETWORK, *COMMON),
    channels=(
        Channel("train", PROTOBUF, required=True, note="records of int32 `source` and `target`"),
        Channel("validation", PROTOBUF, required=True),
        Channel(
            "vocab",
            ("application/json", "text/plain", *PROTOBUF),
            required=True,
            note="`vocab.src.json` and `vocab.trg.json`",
        ),
    ),
    metrics=(
        Metric("validation:perplexity", "Minimize", r"Validation-perplexity=(\S+)"),
        Metric("validation:accuracy", "Maximize", r"Validation-accuracy=(\S+)"),
        Metric("validation:bleu", "Maximize", r"Validation-bleu=(\S+)"),
        Metric("train:perplexity", "Minimize", r"Train-perplexity=(\S+)", objective=False),
        Metric("train:accuracy", "Maximize", r"Train-accuracy=(\S+)", objective=False),
        BASELINE,
    ),
    train="sagewright.algorithms.seq2seq.training:train",
    serve="sagewright.algorithms.seq2seq.serving:serve",
    rules=(rules.epochs_in_order, rules.batches_are_some),
    wording=SCHEMA,
    default_content_type="application/x-recordio-protobuf",
)
