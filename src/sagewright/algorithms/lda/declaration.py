"""The declaration of LDA."""

from __future__ import annotations

from sagewright.algorithms.firstparty import declaring
from sagewright.algorithms.schema.declaration import Declaration, Kernels
from sagewright.algorithms.schema.domains import Either, Integer, Real
from sagewright.algorithms.schema.hyperparameters import NEVER, Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA

COUNT, POSITIVE = Integer("[1, +inf)"), Real("(0, +inf)")

DECLARATION = Declaration(
    name="lda",
    title="Latent Dirichlet allocation",
    repositories=("lda",),
    hyperparameters=(
        Hyperparameter("num_topics", COUNT, required=True, recommended=("1", "150")),
        Hyperparameter("feature_dim", COUNT, required=True, note="words of the vocabulary"),
        Hyperparameter(
            "mini_batch_size",
            COUNT,
            required=True,
            note="documents of the corpus; all are used in any case",
            needs=(NEVER,),
        ),
        Hyperparameter("alpha0", POSITIVE, default="1.0", recommended=("0.1", "10"), note="sum of the mixtures' prior"),
        Hyperparameter("max_restarts", COUNT, default="10"),
        Hyperparameter("max_iterations", COUNT, default="1000", note="of alternating least squares"),
        Hyperparameter("tol", POSITIVE, default="1e-8"),
        Hyperparameter(
            "_sweeps",
            Either(("auto",), Integer("[0, +inf)")),
            default="auto",
            note="not AWS's: sweeps of Gibbs sampling after the decomposition; auto: at most 500, by the words; 0: none",
        ),
        *declaring.COMMON,
    ),
    channels=(declaring.channel("train", required=True), declaring.channel("test")),
    metrics=(declaring.quality("test", "pwll", "Maximize", "score"), declaring.BASELINE, *declaring.PROGRESS),
    train="sagewright.algorithms.lda.training:train",
    serve="sagewright.algorithms.lda.model:serve",
    wording=SCHEMA,
    kernels=Kernels("sagewright.algorithms.mixtures.gibbs:rehearse"),
    default_content_type=declaring.PROTOBUF,
)
