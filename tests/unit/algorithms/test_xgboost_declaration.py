"""XGBoost's hyperparameters: every bad value and every broken dependency has the contract's text."""

from __future__ import annotations

import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost.declaration import DECLARATION

MULTI = {"objective": "multi:softmax", "num_class": "3"}


def fault(**given: str) -> str:
    with pytest.raises(UserError) as caught:
        DECLARATION.validate_hyperparameters({"num_round": "10", **given})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "range_"),
    [
        ("num_round", "0", "[1, +inf)"),
        ("num_class", "1", "[2, +inf)"),
        ("csv_weights", "2", "[0, 1]"),
        ("early_stopping_rounds", "0", "[1, +inf)"),
        ("verbosity", "4", "[0, 3]"),
        ("nthread", "0", "[1, +inf)"),
        ("max_depth", "-1", "[0, +inf)"),
        ("max_leaves", "-1", "[0, +inf)"),
        ("max_bin", "-1", "[0, +inf)"),
        ("refresh_leaf", "2", "[0, 1]"),
        ("one_drop", "2", "[0, 1]"),
        ("num_parallel_tree", "0", "[1, +inf)"),
        ("prob_buffer_row", "1", "(1, +inf)"),
        ("seed", "2147483647", "(-2147483648, 2147483647)"),
        ("_kfold", "1", "[2, +inf)"),
        ("_num_cv_round", "0", "[1, +inf)"),
        ("booster", "gbforest", "['gbtree', 'gblinear', 'dart']"),
        ("tree_method", "gpu", "['auto', 'exact', 'approx', 'hist', 'gpu_hist']"),
        ("grow_policy", "x", "['depthwise', 'lossguide']"),
        ("process_type", "x", "['default', 'update']"),
        ("predictor", "x", "['auto', 'cpu_predictor', 'gpu_predictor']"),
        ("dsplit", "x", "['row', 'col']"),
        ("sample_type", "x", "['uniform', 'weighted']"),
        ("normalize_type", "x", "['tree', 'forest']"),
        ("sampling_method", "x", "['uniform', 'gradient_based']"),
        ("aft_loss_distribution", "x", "['normal', 'logistic', 'extreme']"),
        ("save_model_on_termination", "x", "['true', 'false']"),
    ],
)
def test_out_of_range(name: str, text: str, range_: str) -> None:
    assert fault(**{name: text}) == f"Hyperparameter {name}: {text} is not in {range_}"


@pytest.mark.parametrize(
    ("name", "text", "value", "range_"),
    [
        ("eta", "1.5", "1.5", "[0, 1]"),
        ("gamma", "-1", "-1.0", "[0, +inf)"),
        ("lambda", "-1", "-1.0", "[0, +inf)"),
        ("alpha", "-0.1", "-0.1", "[0, +inf)"),
        ("min_child_weight", "-1", "-1.0", "[0, +inf)"),
        ("max_delta_step", "-1", "-1.0", "[0, +inf)"),
        ("subsample", "0", "0.0", "(0, 1]"),
        ("colsample_bytree", "1.1", "1.1", "(0, 1]"),
        ("colsample_bylevel", "0", "0.0", "(0, 1]"),
        ("colsample_bynode", "nan", "nan", "(0, 1]"),
        ("sketch_eps", "1", "1.0", "(0, 1)"),
        ("scale_pos_weight", "0", "0.0", "(0, +inf)"),
        ("rate_drop", "2", "2.0", "[0, 1]"),
        ("skip_drop", "-1", "-1.0", "[0, 1]"),
        ("lambda_bias", "2", "2.0", "[0, 1]"),
        ("tweedie_variance_power", "1", "1.0", "(1, 2)"),
        ("base_score", "-1", "-1.0", "[0, +inf)"),
        ("aft_loss_distribution_scale", "-1", "-1.0", "[0, +inf)"),
        ("monotone_constraints", "(2,)", "(2,)", "[-1, 0, 1]"),
        ("interaction_constraints", "[[-1]]", "[[-1]]", "[0, +inf)"),
    ],
)
def test_out_of_range_as_parsed(name: str, text: str, value: str, range_: str) -> None:
    assert fault(**{name: text}) == f"Hyperparameter {name}: {value} is not in {range_}"


@pytest.mark.parametrize("name", ["num_round", "max_depth", "eta", "monotone_constraints", "interaction_constraints"])
def test_unparsable(name: str) -> None:
    assert fault(**{name: "abc"}) == f"Hyperparameter {name}: could not parse value (caused by ValueError)"


def test_missing_and_extraneous() -> None:
    with pytest.raises(UserError, match=r"^Missing required hyperparameter: num_round$"):
        DECLARATION.validate_hyperparameters({"eta": "0.1"})
    assert fault(unknown="1") == "Extraneous hyperparameter found: unknown"


@pytest.mark.parametrize("name", ["objective", "eval_metric", "updater", "_tuning_objective_metric"])
def test_unknown_words(name: str) -> None:
    assert fault(**{name: "nonsense"}).startswith(f"Hyperparameter {name}: ")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"objective": "multi:softprob"}, "Require input for parameter 'num_class' for multi-classification"),
        (
            {"objective": "binary:logistic", "num_class": "2"},
            "Do not need to setup parameter 'num_class' for learning task other than multi-classification.",
        ),
        (
            {**MULTI, "eval_metric": "merror,auc"},
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ),
        ({"eval_metric": "aft-nloglik"}, "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."),
        (
            {"monotone_constraints": "(1,)", "tree_method": "approx"},
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.",
        ),
        (
            {"interaction_constraints": "[[0,1]]"},
            "interaction_constraints can be used only when the tree_method parameter is set to either "
            "'exact', 'hist' or 'approx'.",
        ),
        (
            {"process_type": "update", "updater": "grow_colmaker"},
            "process_type 'update' can only be used with updater 'refresh' and 'prune'",
        ),
        (
            {"booster": "gblinear", "updater": "shotgun,coord_descent"},
            "Linear updater should be one of these options: 'shotgun', 'coord_descent'.",
        ),
        ({"updater": "grow_colmaker,grow_histmaker"}, "Only one tree grow plugin can be selected."),
        ({"updater": "shotgun"}, "Tree updater should be selected from these options:"),
    ],
)
def test_dependencies(given: dict[str, str], text: str) -> None:
    assert fault(**given).startswith(text)


def test_aliases_mean_the_same() -> None:
    given = {"learning_rate": "0.1", "min_split_loss": "1", "reg_lambda": "2", "reg_alpha": "3", "num_round": "1"}
    values = DECLARATION.validate_hyperparameters(given)
    assert values == {"eta": 0.1, "gamma": 1.0, "lambda": 2.0, "alpha": 3.0, "num_round": 1}


def test_what_the_tuner_and_the_sdk_send_is_accepted() -> None:
    given = {
        **MULTI,
        "num_round": "5",
        "eval_metric": "merror,mlogloss,error@0.7,ndcg@5",
        "_tuning_objective_metric": "validation:merror",
        "eta": "0.29999999999999999",
        "updater": "grow_colmaker,prune",
    }
    assert DECLARATION.validate_hyperparameters(given)["updater"] == ["grow_colmaker", "prune"]
