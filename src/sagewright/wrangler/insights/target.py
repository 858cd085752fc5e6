"""Findings about the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from sagewright.wrangler.insights.power import Problem
from sagewright.wrangler.insights.shapes import HIGH, LOW, MEDIUM, PREFIX, DataFinding, Fix, call, drop

SKEWED, HEAVY, OUTLYING = 3.0, 10.0, 3.0
FREQUENT_FACTOR, FREQUENT_SHARE = 5.0, 0.1
FEW_ROWS, MANY_CLASSES, FEW_OF_CLASS, IMBALANCED = 20, 100, 10, 0.01
LEAKS = 0.95


def missing(name: str, number: int, rows: int) -> DataFinding:
    values = {"dimension": "Drop Rows", "drop_rows_parameters": {"input_column": [name]}}
    return DataFinding(
        f"{PREFIX}target_missing",
        MEDIUM,
        f"{name} is missing in {number:,} rows",
        f"{number / rows:.1%} of the rows have no target; they were left out of what follows.",
        (name,),
        (
            Fix(
                "Drop these rows", *call("handle_missing", "Drop missing", "drop_missing_parameters", values), safe=True
            ),
        ),
    )


def of_classes(name: str, goal: Problem) -> Iterator[DataFinding]:
    counts = np.bincount(goal.codes, minlength=len(goal.classes))
    least = int(counts.min())
    small = goal.classes[int(counts.argmin())]
    if least < FEW_ROWS and len(goal.classes) == 2:
        yield DataFinding(
            f"{PREFIX}very_small_minority",
            HIGH,
            f"{small} has {least} rows",
            f"A class needs {FEW_ROWS} rows to be learnt.",
            (name,),
        )
    if len(goal.classes) > 2 and least < FEW_OF_CLASS:
        number = int((counts < FEW_OF_CLASS).sum())
        rare = {
            "input_column": [name],
            "replacement_string": "Other",
            "absolute_threshold": FEW_OF_CLASS - 1,
            "fraction_threshold": 0,
        }
        yield DataFinding(
            f"{PREFIX}too_few_instances_per_class",
            MEDIUM,
            f"{number} classes have under {FEW_OF_CLASS} rows",
            f"The smallest, {small}, has {least}.",
            (name,),
            (
                Fix(
                    "Put them together",
                    *call("handle_outliers", "Replace rare values", "replace_rare_values_parameters", rare),
                ),
            ),
        )
    if least / counts.sum() < IMBALANCED and least >= FEW_ROWS:
        balance = "sagemaker.spark.balance_data_0.1"
        fixes = tuple(
            Fix(
                label,
                balance,
                {"operator": label, "target_column": name, "ratio": 0.1, "smote_params": {"num_neighbors": 5}},
            )
            for label in ("Random oversample", "SMOTE")
        )
        yield DataFinding(
            f"{PREFIX}classes_too_imbalanced",
            MEDIUM,
            f"{small} is {least / counts.sum():.2%} of the rows",
            "A model that never predicts it looks good by accuracy.",
            (name,),
            fixes if len(goal.classes) == 2 else (),
        )


def of_numbers(name: str, goal: Problem) -> Iterator[DataFinding]:
    from scipy.stats import kurtosis, skew

    values = goal.codes
    spread = values.std()
    if not spread:
        yield DataFinding(
            f"{PREFIX}constant_target", HIGH, f"{name} is constant", "There is nothing to predict.", (name,)
        )
        return
    skewness, tail = float(skew(values)), float(kurtosis(values))
    if abs(skewness) > SKEWED:
        yield DataFinding(
            f"{PREFIX}skewed_target", MEDIUM, f"{name} is skewed", f"Its skewness is {skewness:.1f}.", (name,)
        )
    elif tail > HEAVY:
        yield DataFinding(
            f"{PREFIX}heavy_tailed_target", LOW, f"{name} has heavy tails", f"Its kurtosis is {tail:.1f}.", (name,)
        )
    low, high = np.quantile(values, [0.05, 0.95])
    far = int((np.abs(values - values.mean()) > OUTLYING * (high - low or spread)).sum())
    if far:
        bounds = {"input_column": [name], "fix_method": "Clip"}
        title = "Robust standard deviation numeric outliers"
        fix = call("handle_outliers", title, "robust_standard_deviation_numeric_outliers_parameters", bounds)
        sentence = "They dominate a squared error."
        title = f"{name} has {far:,} extreme values"
        yield DataFinding(f"{PREFIX}target_outliers", MEDIUM, title, sentence, (name,), (Fix("Clip them", *fix),))
    counted = pl.Series(values).value_counts(sort=True)["count"]
    if len(counted) > 2 and counted[0] > FREQUENT_SHARE * len(values) and counted[0] > FREQUENT_FACTOR * counted[1]:
        yield DataFinding(
            f"{PREFIX}regression_frequent_label",
            LOW,
            f"One value of {name} is frequent",
            f"{counted[0] / len(values):.1%} of the rows have it; a classifier before the regression may help.",
            (name,),
        )


def leaks(powers: dict[str, float], goal: Problem) -> Iterator[DataFinding]:
    for name, found in powers.items():
        if found >= LEAKS:
            measure = "reaches an R² of" if not goal.classes else "reaches an AUC of"
            yield DataFinding(
                f"{PREFIX}target_leakage",
                HIGH,
                f"{name} tells the target",
                f"Alone it {measure} {found:.3f}; is it known when a prediction is made?",
                (name,),
                (drop(name),),
            )


def uninformative(powers: dict[str, float], goal: Problem) -> Iterator[DataFinding]:
    base = 0.5 if goal.classes else 0.0
    for name, found in powers.items():
        if found - base <= 1e-9:
            sentence = "A model of this column alone does no better than chance."
            title = f"{name} says nothing alone"
            yield DataFinding(f"{PREFIX}uninformative_feature", LOW, title, sentence, (name,), (drop(name),))
