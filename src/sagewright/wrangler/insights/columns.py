"""Findings about single columns, and about pairs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from sagewright.wrangler.insights.shapes import FEATURE, LOW, MEDIUM, PREFIX, DataFinding, Fix, call, drop
from sagewright.wrangler.profiles import ColumnProfile

MOST_MISSING = 0.5
MANY_VALUES = 0.9
FEW_VALUES = 20
NEARLY_CONSTANT = 0.99
RARE = 0.005
CORRELATED = 0.95
SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0)
DISGUISED = ("?", "-", "--", "n/a", "na", "nan", "none", "null", "nil", "unknown", "missing", "undefined", "#n/a", ".")
SHARE = 0.001


def findings_of(values: pl.Series, found: ColumnProfile, is_target: bool) -> Iterator[DataFinding]:
    """Yields the findings about a column."""
    present = found.rows - found.missing
    if found.missing and found.missing >= MOST_MISSING * found.rows:
        yield _missing(found)
    if not present:
        return
    yield from _constant(found, values, present, is_target)
    if found.invalid:
        yield _invalid(found)
    if found.type in ("long", "float"):
        yield from _sentinel(found, values, present)
    if found.type == "string":
        yield from _texts(found, values, present, is_target)


def _missing(found: ColumnProfile) -> DataFinding:
    share = found.missing / found.rows
    kind = "Numeric" if found.type in ("long", "float") else "Categorical"
    member = f"{kind.lower()}_parameters"
    values = {"column_type": kind, member: {"input_column": [found.name]}}
    fixes = [drop(found.name)]
    if found.missing < found.rows:
        fixes.append(Fix("Impute", *call("handle_missing", "Impute", "impute_parameters", values)))
    return DataFinding(
        f"{PREFIX}high_missing_ratio",
        FEATURE,
        f"{found.name} is mostly missing",
        f"{share:.1%} of the rows have no value.",
        (found.name,),
        tuple(fixes),
    )


def _constant(found: ColumnProfile, values: pl.Series, present: int, is_target: bool) -> Iterator[DataFinding]:
    if is_target or found.distinct is None:
        return
    first = (
        values.drop_nulls().rename("value").value_counts(sort=True).row(0)[1] if 1 < found.distinct <= 100 else present
    )
    if found.distinct <= 1:
        sentence = "All values are the same: it says nothing."
        yield DataFinding(
            f"{PREFIX}constant_feature",
            LOW,
            f"{found.name} is constant",
            sentence,
            (found.name,),
            (drop(found.name, safe=True),),
        )
    elif found.distinct <= 100 and first >= NEARLY_CONSTANT * present:
        sentence = f"{first / present:.1%} of its values are the same."
        yield DataFinding(
            f"{PREFIX}nearly_constant_feature",
            LOW,
            f"{found.name} hardly varies",
            sentence,
            (found.name,),
            (drop(found.name),),
        )


def _invalid(found: ColumnProfile) -> DataFinding:
    values = {
        "column": found.name,
        "original_data_type": "String",
        "data_type": "float",
        "non_castable_data_handling_method": "replace_null_with_new_col",
    }
    return DataFinding(
        f"{PREFIX}mixed_types",
        MEDIUM,
        f"{found.name} holds {found.invalid:,} texts among numbers",
        f"{found.invalid / found.rows:.2%} of the rows are no number, where the others are.",
        (found.name,),
        (Fix("Make them missing, with a mark", "sagemaker.spark.cast_single_data_type_0.1", values),),
    )


def _sentinel(found: ColumnProfile, values: pl.Series, present: int) -> Iterator[DataFinding]:
    """Yields a number that stands for a missing value: it is separated by a gap, on one side of all others."""
    numbers = values.drop_nulls().cast(pl.Float64)
    for sentinel in SENTINELS:
        if sentinel not in (found.minimum, found.maximum):
            continue
        count = int((numbers == sentinel).sum())
        others = numbers.filter(numbers != sentinel)
        if count < max(SHARE * present, 2) or not len(others):
            continue
        least, most = float(others.min()), float(others.max())
        alone = (sentinel < 0 <= least) or (sentinel > 0 and sentinel > most + (most - least))
        if not alone or count > 0.5 * present:
            continue
        shown = f"{sentinel:g}"
        bounds = {
            "lower_threshold": least,
            "upper_threshold": most,
            "fix_method": "Invalidate",
            "input_column": [found.name],
        }
        fix = call("handle_outliers", "Min-max numeric outliers", "min_max_numeric_outliers_parameters", bounds)
        yield DataFinding(
            f"{PREFIX}disguised_missing_value",
            MEDIUM,
            f"{found.name} holds {shown} in {count / present:.1%} of rows",
            f"All other values are from {least:g} to {most:g}; it looks like “unknown” written as a number.",
            (found.name,),
            (Fix(f"Make {shown} missing", *fix, safe=True),),
        )


def _texts(found: ColumnProfile, values: pl.Series, present: int, is_target: bool) -> Iterator[DataFinding]:
    name, distinct = found.name, found.distinct or 0
    counted = values.drop_nulls().rename("value").value_counts(name="n")
    folded = counted.with_columns(pl.col("value").str.strip_chars().str.to_lowercase().alias("folded"))
    yield from _disguised(name, folded.filter(pl.col("folded").is_in(DISGUISED)))
    if distinct > max(MANY_VALUES * present, FEW_VALUES):
        encoded = {"input_column": [name], "output_style": "Columns"}
        encode = call("encode_categorical", "Similarity encode", "similarity_encode_parameters", encoded)
        yield DataFinding(
            f"{PREFIX}high_cardinality",
            LOW,
            f"{name} has {distinct:,} distinct values",
            f"{distinct / present:.1%} of the rows have a value of their own; one-hot would make as many columns.",
            (name,),
            (drop(name), Fix("Similarity encode", *encode)),
        )
        return
    yield from _spellings(name, folded)
    rare = counted.filter(pl.col("n") < RARE * present)
    if len(rare) > 0 and distinct > 2 and not is_target:
        replaced = {
            "input_column": [name],
            "replacement_string": "Other",
            "fraction_threshold": RARE,
            "absolute_threshold": 0,
        }
        fix = call("handle_outliers", "Replace rare values", "replace_rare_values_parameters", replaced)
        yield DataFinding(
            f"{PREFIX}rare_categories",
            LOW,
            f"{name} has {len(rare):,} values under {RARE:.1%}",
            f"They are in {int(rare['n'].sum()):,} rows together.",
            (name,),
            (Fix("Replace rare values", *fix),),
        )


def _disguised(name: str, disguised: pl.DataFrame) -> Iterator[DataFinding]:
    if not len(disguised):
        return
    pattern = f"(?i)^\\s*({'|'.join(map(_escaped, disguised['folded'].unique(maintain_order=True)))})\\s*$"
    values = {"input_column": [name], "pattern": pattern}
    edit = call("search_and_edit", "Convert regex to missing", "convert_regex_to_missing_parameters", values)
    yield DataFinding(
        f"{PREFIX}disguised_missing_value",
        MEDIUM,
        f"{name} writes missing values as text",
        f"{', '.join(map(repr, disguised['value'].head(3)))} in {int(disguised['n'].sum()):,} rows.",
        (name,),
        (Fix("Make them missing", *edit, safe=True),),
    )


def _spellings(name: str, folded: pl.DataFrame) -> Iterator[DataFinding]:
    ways = folded.group_by("folded").agg(pl.len().alias("ways")).filter(pl.col("ways") > 1)
    if not len(ways):
        return
    first = ways.sort("ways", "folded", descending=[True, False])["folded"][0]
    written = folded.filter(pl.col("folded") == first)["value"].sort().head(4)
    lower = call("format_string", "Lower case", "lower_case_parameters", {"input_column": [name]})
    strip = call("format_string", "Strip left and right", "strip_left_and_right_parameters", {"input_column": [name]})
    yield DataFinding(
        f"{PREFIX}inconsistent_values",
        MEDIUM,
        f"{name} writes one value in several ways",
        f"{', '.join(map(repr, written))} are one value with other capitals or spaces.",
        (name,),
        (Fix("Strip", *strip, safe=True), Fix("Lower case", *lower, safe=True)),
    )


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in r"\.+*?()|[]{}^$#-" else one for one in text)


def correlated(columns: Mapping[str, np.ndarray]) -> Iterator[DataFinding]:
    """Yields pairs of numeric columns that say the same; of several alike, each one with the first of them."""
    names = [name for name, values in columns.items() if np.isfinite(values).mean() > 0.5 and np.nanstd(values) > 0][
        :200
    ]
    if len(names) < 2:
        return
    table = np.column_stack(
        [np.where(np.isfinite(columns[name]), columns[name], np.nanmean(columns[name])) for name in names]
    )
    matrix = np.corrcoef(table, rowvar=False)
    told: set[str] = set()
    for row, column in zip(*np.triu_indices(len(names), 1), strict=True):
        strength = float(matrix[row, column])
        first, second = names[row], names[column]
        if abs(strength) >= CORRELATED and not told & {first, second}:
            told.add(second)
            yield DataFinding(
                f"{PREFIX}correlated_features",
                MEDIUM,
                f"{second} and {first} say the same",
                f"Their correlation is {strength:.4f}; linear models spread the weight over both.",
                (first, second),
                (drop(second, f"Drop {second}"),),
            )
