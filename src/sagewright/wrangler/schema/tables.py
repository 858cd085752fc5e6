"""Two tables, and structured columns."""

from __future__ import annotations

from sagewright.wrangler.flows import NodeType
from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, column, flag, output, rows, text

GROUP = "Tables"
_TYPE = choice(
    "join_type", "Kind", ("leftouter", "rightouter", "inner", "fullouter", "leftanti", "leftsemi", "cartesian")
)

declare(
    [
        Operator(
            "sagemaker.spark.join_tables_0.1",
            "Join",
            GROUP,
            (
                Tool(
                    "",
                    "Joins two tables by one column; columns of both get _0 and _1.",
                    (
                        _TYPE,
                        column("left_column", "Left key", required=False, note="Not for a cartesian join."),
                        column("right_column", "Right key", required=False, note="Not for a cartesian join."),
                    ),
                    memory="the rows of one key",
                ),
            ),
            inputs=("df", "df"),
        ),
        Operator(
            "sagemaker.spark.join_multi_keys_0.1",
            "Join by several columns",
            GROUP,
            (
                Tool(
                    "",
                    "Joins two tables by columns; columns of both get _0 and _1.",
                    (_TYPE, rows("join_keys", "Keys", (column("left", "Left"), column("right", "Right")), most=10)),
                    memory="the rows of one key",
                ),
            ),
            inputs=("df", "df"),
        ),
        Operator(
            "sagemaker.spark.concatenate_datasets_0.1",
            "Concatenate",
            GROUP,
            (
                Tool(
                    "",
                    "Puts two tables one below the other, or side by side.",
                    (
                        choice("concatenate_type", "How", ("row_wise", "column_wise")),
                        flag("apply_dedupe", "Drop duplicates"),
                        text("indicator_col_name", "Column that names the table", most=1000),
                        text("df1_indicator", "Of the first", "0", most=1000),
                        text("df2_indicator", "Of the second", "1", most=1000),
                    ),
                ),
            ),
            inputs=("df", "df"),
        ),
        Operator(
            "sagemaker.dataset.identity_0.1",
            "Data set",
            GROUP,
            (Tool("", "Names the result of a step, and passes it on."),),
            NodeType.DATASET,
        ),
        Operator(
            "sagemaker.spark.handle_structured_column_0.1",
            "Structured columns",
            GROUP,
            (
                Tool(
                    "Flatten structured column",
                    "Makes a column of each key of JSON objects.",
                    (column(types=("struct", "string")), flag("drop_input", "Drop the column", True)),
                ),
                Tool(
                    "Explode array column",
                    "Makes a row of each value of an array.",
                    (column(types=("array", "vector", "string")), output()),
                ),
            ),
            fits=True,
        ),
    ]
)
