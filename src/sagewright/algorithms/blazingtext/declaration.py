"""BlazingText's declaration."""

from __future__ import annotations

from sagewright.algorithms.blazingtext import rules
from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.channels import Channel
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Choice, Flag, Integer, Real
from sagewright.algorithms.schema.hyperparameters import SOLVER, Hyperparameter
from sagewright.algorithms.schema.metrics import Metric
from sagewright.algorithms.schema.wording import SCHEMA

POSITIVE = Integer("[1, 2147483647]")
SUPERVISED = ("mode", ("supervised",))
VECTORS = ("mode", ("batch_skipgram", "skipgram", "cbow"))
STEPS = (SOLVER, ("sgd", "word2vec"))
"""The solvers that learn step by step."""
SUBWORDS = ("subwords", (True,))
STOPS = ("early_stopping", (True,))

DECLARATION = Declaration(
    name="blazingtext",
    title="BlazingText",
    repositories=("blazingtext",),
    hyperparameters=(
        Hyperparameter(
            "mode",
            Choice(("batch_skipgram", "skipgram", "cbow", "supervised")),
            required=True,
            recommended=("batch_skipgram", "skipgram", "cbow"),
        ),
        Hyperparameter(
            "batch_size",
            POSITIVE,
            default="11",
            recommended=("8", "32"),
            needs=(("mode", ("batch_skipgram",)),),
            note="pairs of words that share their negative samples",
        ),
        Hyperparameter(
            "buckets",
            POSITIVE,
            default="2000000",
            recommended=("1000000", "10000000"),
            needs=((SOLVER, ("ngrams", "subwords")),),
            note="the default: as many as the data needs, 2,000,000 at the most",
        ),
        Hyperparameter("epochs", POSITIVE, default="5", recommended=("5", "15"), needs=(STEPS,)),
        Hyperparameter(
            "evaluation", Flag(), default="true", needs=(VECTORS,), note="on WS-353, of which five pairs must be known"
        ),
        Hyperparameter(
            "learning_rate", Real("(0, +inf)"), default="0.05", recommended=("0.005", "0.01"), needs=(STEPS,)
        ),
        Hyperparameter("min_char", POSITIVE, default="3", needs=(SUBWORDS, VECTORS)),
        Hyperparameter("max_char", POSITIVE, default="6", needs=(SUBWORDS, VECTORS)),
        Hyperparameter("min_count", Integer("[0, 2147483647]"), default="5", recommended=("0", "100")),
        Hyperparameter("negative_samples", POSITIVE, default="5", recommended=("5", "25"), needs=(VECTORS,)),
        Hyperparameter(
            "sampling_threshold", Real("(0, 1)"), default="0.0001", recommended=("0.0001", "0.001"), needs=(VECTORS,)
        ),
        Hyperparameter("subwords", Flag(), default="false", needs=(VECTORS,)),
        Hyperparameter("vector_dim", POSITIVE, default="100", recommended=("32", "300"), needs=(STEPS,)),
        Hyperparameter("window_size", POSITIVE, default="5", recommended=("1", "10"), needs=(VECTORS,)),
        Hyperparameter(
            "early_stopping", Flag(), default="false", needs=(SUPERVISED,), note="needs a channel validation"
        ),
        Hyperparameter("min_epochs", POSITIVE, default="5", needs=(SUPERVISED, STOPS)),
        Hyperparameter("patience", POSITIVE, default="4", needs=(SUPERVISED, STOPS)),
        Hyperparameter("word_ngrams", POSITIVE, default="2", recommended=("1", "3"), needs=(SUPERVISED,)),
        Hyperparameter(
            SOLVER,
            Choice(("auto", "convex", "sgd")),
            default="auto",
            needs=(SUPERVISED,),
            note="of supervised; auto: see above; not AWS's",
        ),
        *declaring.COMMON,
    ),
    channels=(
        Channel(
            "train",
            ("text/plain", "application/jsonlines", "application/x-recordio"),
            required=True,
            modes=("File", "FastFile", "Pipe"),
            note="a sentence a line; supervised: with labels before it, or an augmented manifest in Pipe mode",
        ),
        Channel(
            "validation",
            ("text/plain", "application/jsonlines", "application/x-recordio"),
            modes=("File", "FastFile", "Pipe"),
            note="supervised only",
        ),
    ),
    metrics=(
        Metric("train:mean_rho", "Maximize", r"#mean_rho: (\S+)"),
        Metric("validation:accuracy", "Maximize", r"#validation_accuracy: (\S+)"),
        Metric("train:accuracy", "Maximize", r"#train_accuracy: (\S+)", objective=False),
        Metric("train:baseline_ratio", "Minimize", r"#baseline_ratio: (\S+)", objective=False),
    ),
    train="sagewright.algorithms.blazingtext.training:train",
    serve="sagewright.algorithms.blazingtext.model:serve",
    rules=(rules.characters_in_order,),
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.blazingtext.rehearsal:rehearse", by=("mode",)),
    default_content_type="text/plain",
)
