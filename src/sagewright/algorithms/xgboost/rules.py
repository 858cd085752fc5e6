"""Dependencies between XGBoost's hyperparameters, checked before any data is read.

Source: the contract's xgboost.md ("Validation rules of the open container") and errors.md, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.schema.hyperparameters import Rule

LINEAR_UPDATERS = ("shotgun", "coord_descent")
GROWING_UPDATERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_quantile_histmaker")
UPDATING_UPDATERS = ("refresh", "prune")
TREE_UPDATERS = (*GROWING_UPDATERS, "grow_skmaker", "sync", *UPDATING_UPDATERS)
UPDATERS = TREE_UPDATERS + LINEAR_UPDATERS

DEFAULT_OBJECTIVE = "reg:squarederror"
MULTI_CLASS = ("multi:softmax", "multi:softprob")


def needs_num_class(values: Mapping[str, Any]) -> None:
    """`num_class` is given exactly when the objective is multi:softmax or multi:softprob."""
    multi_class = values.get("objective", DEFAULT_OBJECTIVE) in MULTI_CLASS
    if multi_class and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    if not multi_class and "num_class" in values:
        raise UserError("Do not need to setup parameter 'num_class' for learning task other than multi-classification.")


def metrics_fit_objective(values: Mapping[str, Any]) -> None:
    """`auc` needs a binary: or rank: objective, `aft-nloglik` needs survival:aft."""
    objective: str = values.get("objective", DEFAULT_OBJECTIVE)
    metrics = values.get("eval_metric", [])
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")


def monotone_needs_tree_method(values: Mapping[str, Any]) -> None:
    """`monotone_constraints` needs tree_method exact or hist."""
    if "monotone_constraints" in values and values.get("tree_method") not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )


def interaction_needs_tree_method(values: Mapping[str, Any]) -> None:
    """`interaction_constraints` needs tree_method exact, hist or approx."""
    if "interaction_constraints" in values and values.get("tree_method") not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either "
            "'exact', 'hist' or 'approx'."
        )


def updaters_fit_booster(values: Mapping[str, Any]) -> None:
    """`updater`: one linear updater for gblinear; refresh and prune for process_type update; else at most one that grows."""
    if "updater" not in values:
        return
    updaters: list[str] = values["updater"]
    if values.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS:
            raise UserError("Linear updater should be one of these options: 'shotgun', 'coord_descent'.")
    elif values.get("process_type") == "update":
        if not set(updaters) <= set(UPDATING_UPDATERS):
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not set(updaters) <= set(TREE_UPDATERS):
        options = ", ".join(f"'{name}'" for name in TREE_UPDATERS)
        raise UserError(f"Tree updater should be selected from these options: {options}.")
    elif sum(name in GROWING_UPDATERS for name in updaters) > 1:
        options = ", ".join(f"'{name}'" for name in GROWING_UPDATERS)
        raise UserError(f"Only one tree grow plugin can be selected. Choose one of {options}.")


RULES: tuple[Rule, ...] = (
    updaters_fit_booster,
    needs_num_class,
    metrics_fit_objective,
    monotone_needs_tree_method,
    interaction_needs_tree_method,
)
