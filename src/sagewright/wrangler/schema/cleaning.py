"""Missing, extreme and rare values."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import NUMERIC, choice, columns, integer, number, option, output, text

GROUP = "Missing values and outliers"
_FIX = choice("fix_method", "An outlier is", ("Clip", "Remove", "Invalidate"))
_NUMBERS = columns(types=NUMERIC)

declare(
    [
        Operator(
            "sagemaker.spark.handle_missing_0.1",
            "Handle missing values",
            GROUP,
            (
                Tool(
                    "Impute",
                    "Fills missing values with the mean, the median or the most frequent value.",
                    (
                        choice(
                            "column_type",
                            "Kind of column",
                            (
                                option(
                                    "Numeric",
                                    columns(),
                                    output(),
                                    choice(
                                        "strategy",
                                        "Value",
                                        ("Approximate Median", "Mean"),
                                        note="The median is exact here.",
                                    ),
                                ),
                                option("Categorical", columns(), output()),
                            ),
                        ),
                    ),
                ),
                Tool(
                    "Fill missing",
                    "Fills missing values with one value.",
                    (columns(), output(), text("fill_value", "Value", required=True)),
                ),
                Tool(
                    "Add indicator for missing",
                    "Adds a column that says where a value is missing.",
                    (columns(), output("Empty: <column>_indicator.")),
                ),
                Tool(
                    "Drop missing",
                    "Drops rows, or columns, with missing values.",
                    (
                        choice(
                            "dimension",
                            "What goes",
                            (
                                option("Drop Rows", columns(required=False, note="None: all columns count.")),
                                option("Drop Columns", columns(required=False, note="None: all columns count.")),
                            ),
                        ),
                    ),
                ),
            ),
            fits=True,
        ),
        Operator(
            "sagemaker.spark.handle_outliers_0.1",
            "Handle outliers",
            GROUP,
            (
                Tool(
                    "Standard deviation numeric outliers",
                    "Treats numbers far from the mean.",
                    (_NUMBERS, output(), _FIX, number("standard_deviations", "Standard deviations", 4, least=0)),
                ),
                Tool(
                    "Robust standard deviation numeric outliers",
                    "Treats numbers far from the mean of those between two quantiles.",
                    (
                        _NUMBERS,
                        output(),
                        _FIX,
                        number("standard_deviations", "Standard deviations", 4, least=0),
                        number("lower_quantile", "Lower quantile", 0.25, least=0, most=1),
                        number("upper_quantile", "Upper quantile", 0.75, least=0, most=1),
                    ),
                ),
                Tool(
                    "Quantile numeric outliers",
                    "Treats numbers outside two quantiles.",
                    (
                        _NUMBERS,
                        output(),
                        _FIX,
                        number("lower_quantile", "Lower quantile", 0.01, least=0, most=1),
                        number("upper_quantile", "Upper quantile", 0.99, least=0, most=1),
                    ),
                ),
                Tool(
                    "Min-max numeric outliers",
                    "Treats numbers outside two bounds.",
                    (_NUMBERS, output(), _FIX, number("lower_threshold", "Least"), number("upper_threshold", "Most")),
                ),
                Tool(
                    "Replace rare values",
                    "Replaces categories that are seldom.",
                    (
                        columns(),
                        output(),
                        text("replacement_string", "Text instead", "Other"),
                        integer("absolute_threshold", "Fewest rows", 10, least=0),
                        number("fraction_threshold", "Least share of rows", 0.005, least=0, most=1),
                        integer("max_common_categories", "Most categories", 0, least=0, most=100, note="0: no limit."),
                    ),
                    memory="the frequent values: at most 1,000,000",
                ),
            ),
            fits=True,
        ),
    ]
)
