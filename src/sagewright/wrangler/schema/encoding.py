"""Categories."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, columns, flag, integer, output

_STYLE = choice("output_style", "Result", ("Vector", "Columns"))

declare(
    [
        Operator(
            "sagemaker.spark.encode_categorical_0.1",
            "Encode categorical",
            "Categories",
            (
                Tool(
                    "Ordinal encode",
                    "Gives each category a number, the most frequent 0.",
                    (
                        columns(),
                        output(),
                        choice(
                            "invalid_handling_strategy",
                            "A missing or new value",
                            ("Skip", "Error", "Keep", "Replace with NaN"),
                            "Error",
                        ),
                    ),
                    memory="the categories: at most 1,000,000",
                ),
                Tool(
                    "One-hot encode",
                    "Makes a column, or a part of a vector, of each category.",
                    (
                        columns(),
                        output("Empty: the column's name; with Columns it goes."),
                        choice(
                            "invalid_handling_strategy", "A missing or new value", ("Skip", "Error", "Keep"), "Error"
                        ),
                        flag("drop_last", "Leave out the last category", True),
                        _STYLE,
                        flag("input_already_ordinal_encoded", "The values are numbers from 0"),
                    ),
                    memory="the categories: at most 5,000",
                ),
                Tool(
                    "Similarity encode",
                    "Makes numbers that are alike for texts that are alike; for columns of many categories.",
                    (columns(), output(), integer("target_dimension", "Numbers", 30, least=1, most=500), _STYLE),
                ),
            ),
            fits=True,
        ),
    ]
)
