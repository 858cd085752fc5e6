"""Numbers and vectors."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import (
    NUMERIC,
    choice,
    column,
    columns,
    flag,
    integer,
    number,
    option,
    output,
    text,
)

GROUP = "Numbers and vectors"
_NUMBERS = columns(types=NUMERIC)
_PARTS = columns(types=(*NUMERIC, "vector"))
_CENTER = flag("center", "Subtract the middle")
_SCALE = flag("scale", "Divide by the spread", True)

declare(
    [
        Operator(
            "sagemaker.spark.process_numeric_0.1",
            "Process numeric",
            GROUP,
            (
                Tool(
                    "Scale values",
                    "Scales numbers.",
                    (
                        choice(
                            "scaler",
                            "Scaler",
                            (
                                option("Standard scaler", _NUMBERS, output(), _CENTER, _SCALE),
                                option(
                                    "Robust scaler",
                                    _NUMBERS,
                                    output(),
                                    number("lower_quantile", "Lower quantile", 0.25, least=0, most=1),
                                    number("upper_quantile", "Upper quantile", 0.75, least=0, most=1),
                                    _CENTER,
                                    _SCALE,
                                ),
                                option(
                                    "Min-max scaler",
                                    _NUMBERS,
                                    output(),
                                    number("min", "Least", 0),
                                    number("max", "Most", 1),
                                ),
                                option("Max absolute scaler", _NUMBERS, output()),
                            ),
                        ),
                    ),
                ),
            ),
            fits=True,
        ),
        Operator(
            "sagemaker.spark.manage_vectors_0.1",
            "Manage vectors",
            GROUP,
            (
                Tool(
                    "Assemble",
                    "Puts columns into one vector.",
                    (
                        _PARTS,
                        text("output_column", "New column", required=True, most=1000),
                        choice("invalid_handling_strategy", "A missing value", ("Keep", "Skip")),
                    ),
                ),
                Tool(
                    "Flatten",
                    "Makes a column of each part of a vector.",
                    (
                        column(types=("vector", "array")),
                        text("output_prefix", "Prefix", note="Empty: the column's name.", most=1000),
                    ),
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.dimensionality_reduction_0.1",
            "Dimensionality reduction",
            GROUP,
            (
                Tool(
                    "Principal component analysis",
                    "Replaces columns with their principal components.",
                    (
                        _PARTS,
                        text("output_column", "New column", "pca", most=1000),
                        choice(
                            "operator_method",
                            "How many",
                            (
                                option(
                                    "Number of principal components",
                                    integer("number_of_principal_components", "Components", 2, least=1, most=1000),
                                ),
                                option(
                                    "Variance threshold percentage",
                                    number(
                                        "variance_threshold_percentage", "Per cent of variance", 95, least=0.1, most=100
                                    ),
                                ),
                            ),
                        ),
                        choice("output_format", "Result", ("Vector", "Columns")),
                        flag("drop_input", "Drop the columns"),
                    ),
                ),
            ),
            fits=True,
        ),
    ]
)
