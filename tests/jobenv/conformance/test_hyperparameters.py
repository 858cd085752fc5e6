"""The rule of hyperparameters, for every built-in algorithm: a default that is sent says nothing, what is said has its effect, and
what has none in this training is named in the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_every_algorithm import SAMPLES, prepare, repository

from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.domains import Choice, Either, Flag, Integer, IntegerList, Real, Size, WordList
from sagewright.algorithms.schema.hyperparameters import NEVER, SOLVER, Hyperparameter

Settings = dict[str, str]
ALL = [(name, each) for name, declared in catalogue.declarations().items() for each in declared.hyperparameters]

NO_LINEAR_MODEL = {"mlp_activation": "relu", "mlp_dim": "3"}
"""Object2Vec's layers can't express one then, so what is kept is always the network."""
WITH: dict[str, dict[str, Settings]] = {
    "blazingtext": {"buckets": {SOLVER: "auto"}},
    "linear-learner": {
        "accuracy_top_k": {"num_classes": "3"},
        "balance_multiclass_weights": {"num_classes": "3"},
        "num_classes": {"predictor_type": "multiclass_classifier"},
        "early_stopping_patience": {"epochs": "9", "early_stopping_tolerance": "0.2"},
        "early_stopping_tolerance": {"epochs": "9", "_solver": "gradients", "learning_rate": "0.001"},
        "target_precision": {"_rows": "overlapping"},
        "target_recall": {"_rows": "overlapping"},
        "positive_example_weight_mult": {"learning_rate": "0.01"},
        "bias_wd_mult": {"wd": "0.1"},
        "normalize_label": {"predictor_type": "regressor", "learning_rate": "0.01"},
        "num_calibration_samples": {"binary_classifier_model_selection_criteria": "f1", "_rows": "overlapping"},
        "binary_classifier_model_selection_criteria": {"_rows": "overlapping"},
        "f_beta": {"binary_classifier_model_selection_criteria": "f_beta", "_rows": "overlapping"},
        "lr_scheduler_factor": {"lr_scheduler_step": "1"},
        "lr_scheduler_minimum_lr": {"lr_scheduler_step": "1", "lr_scheduler_factor": "0.1"},
        "use_lr_scheduler": {"lr_scheduler_step": "1"},
        "unbias_label": {"predictor_type": "regressor"},
        **{
            name: {"predictor_type": "regressor", "_rows": "noise"}
            for name in ("loss", "huber_delta", "quantile", "loss_insensitivity")
        },
    },
    "image-classification": {
        "num_training_samples": {"lr_scheduler_step": "1", "epochs": "2"},
        "lr_scheduler_step": {"epochs": "2"},
        "checkpoint_frequency": {"epochs": "2"},
        "lr_scheduler_factor": {"lr_scheduler_step": "1", "epochs": "2"},
        "use_weighted_loss": {"num_classes": "1"},
        "image_shape": {"image_shape": "1,8,8"},
        "num_layers": {"num_layers": "20"},
    },
    "object-detection": {
        "image_shape": {"image_shape": "300"},
        "_width": {"_width": "1"},
        "lr_scheduler_step": {"num_training_samples": "2", "lr_scheduler_step": "2"},
        "lr_scheduler_factor": {"num_training_samples": "2", "lr_scheduler_step": "1"},
        "num_training_samples": {"lr_scheduler_step": "1"},
        "epochs": {"epochs": "1"},
    },
    "semantic-segmentation": {
        "base_size": {"base_size": "17"},
        "crop_size": {"crop_size": "17"},
        "_width": {"_width": "1"},
        "lr_scheduler": {"epochs": "2"},
        "lr_scheduler_step": {"num_training_samples": "10", "lr_scheduler_step": "2"},
        "lr_scheduler_factor": {"num_training_samples": "10", "lr_scheduler_step": "1"},
    },
    "kmeans": {
        "half_life_time_size": {"epochs": "2"},
        "init_method": {"_rows": "noise", "k": "9", "extra_center_factor": "2", "mini_batch_size": "50"},
        **{
            name: {"_rows": "noise", "k": "9"}
            for name in (
                "epochs",
                "extra_center_factor",
                "mini_batch_size",
                "local_lloyd_init_method",
                "local_lloyd_max_iter",
                "local_lloyd_num_trials",
                "local_lloyd_tol",
                "_seed",
            )
        },
    },
    "lda": {
        name: {"_rows": "noise", "_sweeps": "0", "num_topics": "3"}
        for name in ("max_restarts", "max_iterations", "tol")
    },
    "pca": {
        "algorithm_mode": {"extra_components": "0"},
        "_seed": {"algorithm_mode": "randomized", "extra_components": "0"},
    },
    "knn": {
        "dimension_reduction_target": {"dimension_reduction_type": "sign"},
        "dimension_reduction_type": {"dimension_reduction_target": "2"},
        "faiss_index_pq_m": {"_rows": "noise", "sample_size": "600", "faiss_index_ivf_nlists": "2"},
    },
    "xgboost": {
        "num_class": {"objective": "multi:softprob"},
        "monotone_constraints": {"tree_method": "hist"},
        "interaction_constraints": {"tree_method": "hist"},
        "max_leaves": {"grow_policy": "lossguide"},
        "grow_policy": {"max_leaves": "4", "max_depth": "6", "num_round": "20"},
        "seed": {"subsample": "0.5"},
        "tweedie_variance_power": {"objective": "reg:tweedie"},
        "one_drop": {"rate_drop": "0.01"},
        "normalize_type": {"rate_drop": "0.9"},
        "sample_type": {"rate_drop": "0.5", "num_round": "12"},
        "skip_drop": {"rate_drop": "0.9"},
        "max_depth": {"max_leaves": "0"},
        "max_delta_step": {"num_round": "8"},
    },
    "object2vec": {
        **dict.fromkeys(
            (
                "bucket_width",
                "epochs",
                "learning_rate",
                "mini_batch_size",
                "optimizer",
                "token_embedding_storage_type",
                "weight_decay",
            ),
            NO_LINEAR_MODEL,
        ),
        "early_stopping_patience": {"epochs": "20", "early_stopping_tolerance": "0.1", **NO_LINEAR_MODEL},
        "early_stopping_tolerance": {"epochs": "20", **NO_LINEAR_MODEL},
        **{
            f"enc1_{word}": {"enc1_max_seq_len": "6", "enc1_vocab_size": "50", "enc1_token_embedding_dim": "4"}
            for word in (
                "max_seq_len",
                "vocab_size",
                "cnn_filter_width",
                "layers",
                "token_embedding_dim",
                "vocab_file",
                "freeze_pretrained_embedding",
                "pretrained_embedding_file",
                "network",
            )
        },
    },
    "forecasting-deepar": {"early_stopping_patience": {"epochs": "12", "learning_rate": "0.3"}},
    "seq2seq": {
        "max_num_epochs": {"max_num_epochs": "2"},
        **{
            f"plateau_reduce_lr_{word}": {
                "plateau_reduce_lr_threshold": "1",
                "checkpoint_frequency_num_batches": "1",
                "learning_rate": "0.3",
                "checkpoint_threshold": "99",
                "max_num_epochs": "20",
            }
            for word in ("factor", "threshold")
        },
        "rnn_attention_in_upper_layers": {"num_layers_decoder": "2"},
        "rnn_first_residual_layer": {"num_layers_encoder": "3"},
        "rnn_residual_connections": {"num_layers_encoder": "3"},
        **{f"cnn_{word}": {"encoder_type": "cnn"} for word in ("activation_type", "hidden_dropout", "num_hidden")},
    },
    "ntm": {
        "tolerance": {"epochs": "30", "optimizer": "adam", "learning_rate": "0.0005"},
        "num_patience_epochs": {"epochs": "30", "tolerance": "0.1"},
    },
}
"""Settings with which a hyperparameter matters on the sample's rows, besides what it needs. Its own value there is one that must be
given, and is changed to another.
"""

SET: dict[str, dict[str, str]] = {
    "blazingtext": {"max_char": "4", "buckets": "5000"},
    "forecasting-deepar": {
        "cardinality": "ignore", "early_stopping_patience": "1", "likelihood": "gaussian", "num_dynamic_feat": "ignore",
        "test_quantiles": "[0.5]", "time_freq": "W",
    },
    "linear-learner": {
        "predictor_type": "regressor", "num_classes": "4", "lr_scheduler_minimum_lr": "0.05", "num_point_for_scaler": "50",
        "optimizer": "sgd", "early_stopping_tolerance": "0.9", "epochs": "1", "feature_dim": "4", "unbias_data": "false",
        "unbias_label": "false", "normalize_label": "false", "loss": "huber_loss", "huber_delta": "0.2",
    },
    "xgboost": {
        "monotone_constraints": "(-1, 0, 0, 0)", "interaction_constraints": "[[0, 1], [2, 3]]", "max_leaves": "3",
        "csv_weights": "1", "rate_drop": "0.9", "updater": "grow_colmaker", "max_bin": "4", "max_depth": "1", "gamma": "50",
        "min_child_weight": "30", "max_delta_step": "0.1", "booster": "gblinear", "tree_method": "exact",
        "objective": "count:poisson", "base_score": "0.2", "grow_policy": "lossguide",
    },
    "factorization-machines": {"clip_gradient": "0.0001", "eps": "0.1", "rescale_grad": "1e-9"},
    "ntm": {"clip_gradient": "0.001", "tolerance": "0.1", "encoder_layers": "7"},
    "knn": {"faiss_index_pq_m": "1", "sample_size": "70", "index_type": "faiss.IVFFlat"},
    "object-detection": {
        "base_network": "resnet-50", "image_shape": "310", "num_training_samples": "2", "epochs": "16",
        "lr_scheduler_step": "1", "momentum": "0.5",
        "freeze_layer_pattern": "stage1", "label_width": "7", "mini_batch_size": "2",
    },
    "semantic-segmentation": {
        "base_size": "34", "crop_size": "34", "lr_scheduler_step": "1", "num_training_samples": "10", "momentum": "0.5",
        "validation_mini_batch_size": "3", "gamma1": "0.5", "gamma2": "0.5",
    },
    "randomcutforest": {"num_samples_per_tree": "20", "num_trees": "60"},
    "kmeans": {"local_lloyd_max_iter": "1", "local_lloyd_tol": "1", "local_lloyd_num_trials": "1"},
    "lda": {"max_restarts": "1", "max_iterations": "1", "tol": "0.5"},
    "ipinsights": {"epochs": "3"},
    "seq2seq": {
        "bucket_width": "2", "clip_gradient": "0.0001", "max_num_batches": "4", "max_seq_len_source": "2",
        "max_seq_len_target": "2",
    },
    "object2vec": {
        "enc0_max_seq_len": "2", "enc1_max_seq_len": "2", "enc1_vocab_size": "60", "enc1_network": "bilstm",
        "early_stopping_tolerance": "0.1", "epochs": "2",
    },
    "image-classification": {
        "num_layers": "32", "image_shape": "1,7,7", "resize": "9", "eps": "0.1", "lr_scheduler_step": "1", "top_k": "2",
        "num_training_samples": "10", "checkpoint_frequency": "1", "mini_batch_size": "8",
    },
}  # fmt: skip
"""Values that make a difference there; otherwise one near the default."""

SAME: dict[str, frozenset[str]] = {
    "blazingtext": frozenset({"early_stopping", "min_epochs", "patience"}),  # there is no channel validation
    "forecasting-deepar": frozenset({"_num_gpus", "num_eval_samples", "test_quantiles"}),  # no GPU, no channel test
    "linear-learner": frozenset({"accuracy_top_k", "feature_dim"}),
    "kmeans": frozenset({"eval_metrics"}),
    "lda": frozenset({"max_restarts"}),  # the first start is as good as any on so few rows
    "xgboost": frozenset(
        {"nthread", "verbosity", "silent", "eval_metric", "early_stopping_rounds", "save_model_on_termination", "_num_cv_round",
         "num_class", "sampling_method"}
    ),
    "object2vec": frozenset(
        {"_num_gpus", *(f"enc{side}_{name}" for side in (0, 1) for name in ("vocab_file", "freeze_pretrained_embedding"))}
    ),
    "image-classification": frozenset(
        {"early_stopping", "early_stopping_min_epochs", "early_stopping_patience", "early_stopping_tolerance", "kv_store", "top_k",
         "_num_gpus"}
    ),
    "seq2seq": frozenset(
        {"_num_gpus", "bleu_sample_size", "checkpoint_frequency_num_batches", "checkpoint_threshold", "min_num_epochs",
         "optimized_metric", "training_metric"}
    ),
    "object-detection": frozenset(
        {"early_stopping", "early_stopping_min_epochs", "early_stopping_patience", "early_stopping_tolerance", "kv_store",
         "label_width", "overlap_threshold", "use_pretrained_model", "_num_gpus"}
    ),
    "semantic-segmentation": frozenset(
        {"early_stopping", "early_stopping_min_epochs", "early_stopping_patience", "early_stopping_tolerance",
         "use_pretrained_model", "validation_mini_batch_size", "_num_gpus"}
    ),
    "ipinsights": frozenset({"batch_metrics_publish_interval"}),
    "randomcutforest": frozenset({"eval_metrics", "mini_batch_size"}),
}  # fmt: skip
"""Hyperparameters of how training is watched, run or checked, which don't change its result; or that no sample can use."""


def another(name: str, each: Hyperparameter) -> str:
    """A value that is not the default, nor the sample's."""
    if each.name in SET.get(name, {}):
        return SET[name][each.name]
    domain = each.domain.other if isinstance(each.domain, Either) else each.domain
    present = SAMPLES[name].hyperparameters.get(each.name, each.default)
    if isinstance(domain, Flag):
        return "false" if present == "true" or each.sent else "true"
    if isinstance(domain, (Choice, WordList)):
        return next(word for word in reversed(domain.words) if word != present)
    if isinstance(domain, Size):
        return str(2 * int(present or "1"))
    if isinstance(domain, (Integer, Real)):
        return near(domain, present)
    return "7" if isinstance(domain, IntegerList) else "text"


def near(domain: Integer | Real, present: str | None) -> str:
    """Another number of the domain."""
    whole = isinstance(domain, Integer)
    at = float(present) if present not in (None, "auto", "balanced") else (1.0 if whole else 0.3)
    steps = (2 * at, at + 1, at - 1) if whole else (at / 2, at + 0.1)
    return f"{next(number for number in steps if number != at and number in domain):g}"


def with_needs(name: str, each: Hyperparameter) -> Settings:
    """The sample's settings, and those that the hyperparameter is used with."""
    words = {key: allowed[0] for key, allowed in each.needs if allowed and key != SOLVER}
    needed = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in words.items()}
    running = [allowed[0] for key, allowed in each.needs if allowed and key == SOLVER]
    if each.name == "dimension_reduction_target":
        needed["dimension_reduction_type"] = "sign"
    if needed.get("predictor_type") == "multiclass_classifier":
        needed["num_classes"] = "3"
    solver = {SOLVER: running[0]} if running else {}
    return {**SAMPLES[name].hyperparameters, **needed, **solver, **WITH.get(name, {}).get(each.name, {})}


@pytest.fixture(scope="module")
def known() -> dict[Any, tuple[dict[str, bytes], str]]:
    """Results of trainings, by their settings."""
    return {}


@pytest.fixture
def train(make_job: Any, run: Any, known: dict[Any, Any]) -> Callable[[str, Settings], tuple[dict[str, bytes], str]]:
    """A training of the sample's rows with settings and nothing else: the files of its model, and its log."""

    def call(name: str, settings: Settings) -> tuple[dict[str, bytes], str]:
        key = name, *sorted(settings.items())
        if key not in known:
            job = make_job(str(len(known)))
            rows = SAMPLES[name].rows()
            given = dict(settings)
            kind = given.pop("_rows", "")
            if kind == "overlapping":
                rows = rows.copy()
                rows[::3, 0] = 1 - rows[::3, 0]
            elif kind == "noise":
                rows = np.random.default_rng(0).poisson(3, (600, rows.shape[1])).astype(np.float32)
            prepare(job, name, rows)
            width = {SAMPLES[name].width: str(rows.shape[1] - SAMPLES[name].labels)} if SAMPLES[name].width else {}
            job.write("hyperparameters", {**width, **given})
            assert run(job, repository(name)) == 0, job.output
            known[key] = {path.name: path.read_bytes() for path in job.model.iterdir()}, job.output
        found: tuple[dict[str, bytes], str] = known[key]
        return found

    return call


def unused(log: str) -> list[str]:
    found = re.findall(r"Hyperparameters that this training does not use: (.*)", log)
    assert len(found) <= 1
    return found[0].split(", ") if found else []


def named(case: tuple[str, Hyperparameter]) -> str:
    return f"{case[0]}-{case[1].name}"


EACH = pytest.mark.parametrize("case", ALL, ids=named)


DEFAULTS = [
    (name, each)
    for name, each in ALL
    if each.default is not None
    and each.name not in ("image_shape", "num_layers", "base_size", "crop_size", "_width")  # the samples' are smaller
]
LONG = {
    ("object-detection", "epochs"),
    ("image-classification", "epochs"),
    ("semantic-segmentation", "epochs"),
    ("seq2seq", "rnn_num_hidden"),
}
"""Defaults with which a sample is trained for long."""


@pytest.mark.parametrize("name", sorted({name for name, _ in DEFAULTS}))
def test_defaults_that_are_sent_say_nothing(name: str, train: Any) -> None:
    """Those that the sample leaves to the algorithm, all in one training; where they say something, one after the other."""
    settings = SAMPLES[name].hyperparameters
    left = {each.name: str(each.default) for which, each in DEFAULTS if which == name and each.name not in settings}
    without, _ = train(name, settings)
    sent, log = train(name, {**settings, **left})
    if sent != without or set(left) & set(unused(log)):
        described = {key: train(name, {**settings, key: text}) for key, text in left.items()}
        raise AssertionError(
            [key for key, (model, said) in described.items() if model != without or key in unused(said)]
        )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.soak if (case[0], case[1].name) in LONG else ())
        for case in DEFAULTS
        if case[1].name in SAMPLES[case[0]].hyperparameters
    ],
    ids=named,
)
def test_a_default_that_is_sent_says_nothing(case: tuple[str, Hyperparameter], train: Any) -> None:
    """One that the sample changes."""
    name, each = case
    settings = {key: text for key, text in SAMPLES[name].hyperparameters.items() if key != each.name}
    without, _ = train(name, settings)
    sent, log = train(name, {**settings, each.name: str(each.default)})
    assert sent == without
    assert each.name not in unused(log)


@pytest.mark.sampled(50)
@pytest.mark.filterwarnings("ignore::UserWarning")
@EACH
def test_what_is_set_has_its_effect_or_is_named(case: tuple[str, Hyperparameter], train: Any) -> None:
    name, each = case
    base = with_needs(name, each)
    if each.required and (each.name == SAMPLES[name].width or isinstance(each.domain, Choice)):
        pytest.skip("it says what the rows are")
    if each.name in ("_kfold", SOLVER, "process_type", "refresh_leaf"):
        pytest.skip("several models, the solver itself, or trees that are there already")
    if isinstance(each.domain, Choice) and len(each.domain.words) == 1:
        pytest.skip("it can't be anything else")
    if each.name.endswith("_pretrained_embedding_file"):
        pytest.skip("it needs a channel that no sample has")
    if each.name in ("use_pretrained_model", "multi_label"):
        pytest.skip("weights that are there already, or what the labels are")
    given = {**base, each.name: another(name, each)}
    if not each.required and each.name not in WITH.get(name, {}).get(each.name, {}):
        base.pop(each.name, None)
    if each.name.startswith("dimension_reduction"):
        base.pop("dimension_reduction_type", None), base.pop("dimension_reduction_target", None)
    if each.name == "num_class":
        base = {key: text for key, text in base.items() if key != "objective"}
        given["num_class"] = "2"
    if name == "linear-learner" and each.name == "num_classes":
        base["num_classes"] = "3"
    without, _ = train(name, base)
    changed, log = train(name, given)
    if NEVER in each.needs:
        assert each.name in unused(log)
        assert changed == without
        return
    assert each.name not in unused(log)
    if each.name not in SAME.get(name, ()) and each.name != "_tuning_objective_metric":
        assert changed != without, f"{each.name}={given[each.name]} changed nothing"
    assert each.recommended is None or each.name not in SAME.get(name, ())


UNMET = [
    (name, each, need)
    for name, each in ALL
    for need in each.needs
    if need[0] != SOLVER
    and name not in ("xgboost",)
    and each.name not in ("top_k", "use_weighted_loss")  # with several labels, which no sample has
]


def unmet(name: str, each: Hyperparameter, need: tuple[str, tuple[Any, ...]]) -> Settings:
    """Settings in which the hyperparameter is used but for one thing that it needs."""
    key, allowed = need
    other = next(declared for which, declared in ALL if which == name and declared.name == key)
    words = ("true", "false") if isinstance(other.domain, Flag) else other.domain.words
    taken = {str(value).lower() if isinstance(value, bool) else str(value) for value in allowed}
    settings = {**with_needs(name, each), key: next(word for word in words if word not in taken)}
    if settings.get("predictor_type") == "multiclass_classifier":
        settings["num_classes"] = "3"
    if name == "linear-learner" and settings.get("predictor_type") != "multiclass_classifier":
        settings.pop("num_classes", None)
    if key == "predictor_type":
        settings.pop("binary_classifier_model_selection_criteria", None)
    if key == "loss":
        settings.pop("_rows", None)
        settings["predictor_type"] = (
            "regressor" if settings["loss"] not in ("logistic", "auto") else "binary_classifier"
        )
    return settings


@pytest.mark.parametrize("case", UNMET, ids=lambda case: f"{case[0]}-{case[1].name}-{case[2][0]}")
def test_what_the_training_does_not_use_is_named(case: Any, train: Any) -> None:
    name, each, need = case
    settings = unmet(name, each, need)
    without, _ = train(name, {key: text for key, text in settings.items() if key != each.name})
    given, log = train(name, {**settings, each.name: another(name, each)})
    assert each.name in unused(log)
    assert given == without


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"rate_drop": "0.5", "sketch_eps": "0.1"}, ["rate_drop", "sketch_eps"]),
        ({"booster": "gblinear", "max_depth": "2", "subsample": "0.5"}, ["max_depth", "subsample"]),
        ({"tree_method": "exact", "max_bin": "8"}, ["max_bin"]),
        ({"tweedie_variance_power": "1.2", "aft_loss_distribution": "logistic"},
         ["tweedie_variance_power", "aft_loss_distribution"]),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_xgboost_names_what_its_booster_does_not_use(settings: Settings, names: list[str], train: Any) -> None:
    base = {**SAMPLES["xgboost"].hyperparameters, **settings}
    _, log = train("xgboost", base)
    assert set(unused(log)) >= set(names)
    without, _ = train("xgboost", {key: text for key, text in base.items() if key not in names})
    changed, _ = train("xgboost", base)
    assert trees(changed) == trees(without)


def trees(model: dict[str, bytes]) -> list[str]:
    from sagewright.algorithms.xgboost.library import xgb

    booster = xgb.Booster(model_file=bytearray(model["xgboost-model"]))
    found: list[str] = booster.get_dump()
    return found
