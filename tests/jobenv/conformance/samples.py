"""A small training that succeeds, of every built-in algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import numpy as np
from seriesofrows import seasons, series
from sklearn import datasets
from texts import VOCABULARY, alike, echoes, pair, sentence, sentence_records, topics

from pictures import boxed, digits, image_records, manifest


def iris() -> np.ndarray:
    data = datasets.load_iris()
    rows = np.column_stack([data.target == 1, data.data]).astype(np.float32)
    return rows[np.random.default_rng(0).permutation(len(rows))]


@dataclass(frozen=True)
class Sample:
    """A small training that succeeds. `rows` have `labels` label columns first; `seed` is the seed's name; `random` is
    what makes chance count; `width` is the hyperparameter that says how many features there are; `asks` is the content
    type of requests; `text` makes the fields of a row whose algorithm takes text; `line` makes the line of a row whose algorithm
    takes free text, and has tests of its own of requests, as has one whose rows `pack` makes a file of. `beside` are channels that
    are needed beside train, and `files` those whose files, by name, have no rows.

    `refuses` names the hard cases of `HARD` that must be the user's fault for this algorithm; the others must succeed.
    """

    hyperparameters: dict[str, str]
    rows: Callable[[], np.ndarray] = iris
    content_type: str = "text/csv"
    labels: int = 1
    seed: str = "seed"
    random: dict[str, str] = field(default_factory=dict)
    width: str | None = None
    asks: str = "text/csv"
    text: Callable[[np.ndarray], list[str]] | None = None
    line: Callable[[np.ndarray], str] | None = None
    pack: Callable[[np.ndarray], bytes] | None = None
    beside: tuple[str, ...] = ()
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()

    @property
    def has_columns(self) -> bool:
        """Whether rows are of one width, and requests are rows."""
        return self.line is None and self.pack is None


def unlabelled() -> np.ndarray:
    return iris()[:, 1:]


def words() -> np.ndarray:
    """Iris's centimetres as counts."""
    return np.round(unlabelled())


def visits() -> np.ndarray:
    """Users, and addresses each in the network of its user."""
    random = np.random.default_rng(0)
    user = random.integers(0, 10, 150)
    return np.column_stack([user, (user + 1) * 2**24 + random.integers(0, 256, 150)]).astype(np.float64)


def event(row: np.ndarray) -> list[str]:
    """A row of `visits` as text; numbers that are no address stay what they are."""
    texts = [f"{number:g}" for number in row]
    if len(row) > 1 and row[1] < 2**32:
        texts[1] = str(IPv4Address(int(row[1])))
    return texts


SAMPLES = {
    "blazingtext": Sample(
        {"mode": "supervised"},
        rows=topics,
        content_type="text/plain",
        seed="_seed",
        random={"_solver": "sgd"},
        line=sentence,
    ),
    "factorization-machines": Sample(
        {"feature_dim": "4", "num_factors": "2", "predictor_type": "binary_classifier", "mini_batch_size": "50"},
        content_type="application/x-recordio-protobuf",
        asks="application/json",
        seed="_seed",
        random={"_solver": "adam", "epochs": "2"},
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "forecasting-deepar": Sample(
        {"context_length": "4", "prediction_length": "3", "time_freq": "D", "epochs": "2", "mini_batch_size": "8"},
        rows=seasons,
        content_type="application/jsonlines",
        seed="_seed",
        line=series,
        refuses=frozenset({"one row", "one feature", "NaN label", "huge values"}),
    ),
    "image-classification": Sample(
        {
            "num_classes": "2",
            "num_training_samples": "40",
            "image_shape": "1,8,8",
            "num_layers": "20",
            "epochs": "1",
            "mini_batch_size": "16",
        },
        rows=digits,
        content_type="application/x-recordio",
        seed="_seed",
        pack=image_records,
        beside=("validation",),
        refuses=frozenset({"one feature", "NaN label"}),
    ),
    "ipinsights": Sample(
        {"num_entity_vectors": "100", "vector_dim": "4", "epochs": "3", "mini_batch_size": "50"},
        rows=visits,
        labels=0,
        seed="_seed",
        text=event,
        refuses=frozenset({"one feature", "constant feature", "NaN feature", "NaN label", "huge values"}),
    ),
    "kmeans": Sample(
        {"feature_dim": "4", "k": "3", "mini_batch_size": "50"},
        rows=unlabelled,
        content_type="text/csv;label_size=0",
        labels=0,
        seed="_seed",
        random={"half_life_time_size": "1000"},
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "one row", "huge values"}),
    ),
    "lda": Sample(
        {"feature_dim": "4", "num_topics": "2", "mini_batch_size": "150", "_sweeps": "20"},
        rows=words,
        content_type="text/csv;label_size=0",
        labels=0,
        seed="_seed",
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "linear-learner": Sample(
        {"predictor_type": "binary_classifier", "mini_batch_size": "50", "num_models": "4", "epochs": "3"},
        seed="_seed",
        random={"_solver": "gradients"},
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "ntm": Sample(
        {"feature_dim": "4", "num_topics": "2", "mini_batch_size": "50", "epochs": "3"},
        rows=words,
        content_type="text/csv;label_size=0",
        labels=0,
        seed="_seed",
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "object2vec": Sample(
        {
            "enc0_max_seq_len": "6",
            "enc0_vocab_size": "50",
            "enc0_network": "pooled_embedding",
            "enc_dim": "8",
            "enc0_token_embedding_dim": "4",
            "mlp_dim": "6",
            "epochs": "3",
            "mini_batch_size": "20",
            "learning_rate": "0.01",
        },
        rows=alike,
        content_type="application/jsonlines",
        seed="_seed",
        line=pair,
        refuses=frozenset({"one feature", "NaN feature", "NaN label", "huge values"}),
    ),
    "knn": Sample(
        {"feature_dim": "4", "k": "5", "predictor_type": "classifier", "sample_size": "100"},
        content_type="text/csv",
        seed="_seed",
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "pca": Sample(
        {"feature_dim": "4", "num_components": "1", "mini_batch_size": "50"},
        rows=unlabelled,
        content_type="text/csv;label_size=0",
        labels=0,
        seed="_seed",
        random={"algorithm_mode": "randomized", "extra_components": "0"},
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "object-detection": Sample(
        {
            "num_classes": "2",
            "num_training_samples": "4",
            "base_network": "resnet-50",
            "epochs": "1",
            "mini_batch_size": "2",
            "_width": "1",
        },
        rows=lambda: digits(2, 4),
        content_type="application/x-recordio",
        seed="_seed",
        pack=boxed,
        beside=("validation",),
        refuses=frozenset({"NaN label"}),
    ),
    "randomcutforest": Sample(
        {"feature_dim": "4", "num_trees": "50"},
        rows=unlabelled,
        content_type="text/csv;label_size=0",
        labels=0,
        seed="_seed",
        width="feature_dim",
        refuses=frozenset({"NaN feature", "NaN label", "huge values"}),
    ),
    "seq2seq": Sample(
        {
            "rnn_num_hidden": "8",
            "cnn_num_hidden": "8",
            "num_embed_source": "6",
            "num_embed_target": "6",
            "batch_size": "20",
            "max_num_epochs": "2",
            "checkpoint_frequency_num_batches": "5",
            "learning_rate": "0.01",
        },
        rows=echoes,
        content_type="application/x-recordio-protobuf",
        labels=0,
        seed="_seed",
        pack=sentence_records,
        beside=("validation",),
        files={"vocab": {f"vocab.{side}.json": VOCABULARY for side in ("src", "trg")}},
        refuses=frozenset({"one feature", "NaN feature", "NaN label", "huge values"}),
    ),
    "semantic-segmentation": Sample(
        {
            "num_classes": "2",
            "num_training_samples": "20",
            "base_size": "17",
            "crop_size": "17",
            "epochs": "1",
            "mini_batch_size": "10",
            "_width": "1",
        },
        rows=lambda: digits(2, 20),
        content_type="application/x-recordio",
        seed="_seed",
        pack=manifest,
        beside=("validation",),
    ),
    "xgboost": Sample(
        {"num_round": "4", "objective": "binary:logistic", "max_depth": "3"},
        random={"subsample": "0.5", "colsample_bytree": "0.5"},
        refuses=frozenset({"NaN label"}),
    ),
}
