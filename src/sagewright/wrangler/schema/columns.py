"""Columns and their types."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, column, columns, integer, option, rows, text

GROUP = "Columns and types"
_TYPES = ("Long", "Float", "String", "Bool", "Date", "Datetime")
_METHODS = ("replace_null", "replace_null_with_new_col", "replace_value", "replace_value_with_new_col", "drop")
_MOVED = columns("column_to_move", "Columns to move")

declare(
    [
        Operator(
            "sagemaker.spark.infer_and_cast_type_0.1",
            "Types",
            GROUP,
            (Tool("", "Gives each column the type that fits most of its values."),),
            inputs=("default",),
            fits=True,
        ),
        Operator(
            "sagemaker.spark.cast_single_data_type_0.1",
            "Parse column as type",
            GROUP,
            (
                Tool(
                    "",
                    "Casts one column, and says what happens to values that do not fit.",
                    (
                        column("column"),
                        text("original_data_type", "Type before", note="Not read: the column's type counts."),
                        choice("data_type", "Type", _TYPES, required=True),
                        choice("non_castable_data_handling_method", "Values that do not fit", _METHODS, "replace_null"),
                        text("replace_value", "Value instead"),
                        text(
                            "date_formatting",
                            "Format of dates",
                            "",
                            note="For example dd-MM-yyyy. Empty: ISO 8601.",
                            most=100,
                        ),
                        text(
                            "datetime_formatting",
                            "Format of times",
                            "",
                            note="For example yyyy-MM-dd HH:mm:ss.",
                            most=100,
                        ),
                    ),
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.manage_columns_0.1",
            "Manage columns",
            GROUP,
            (
                Tool("Drop column", "Removes columns.", (columns("column_to_drop", "Columns to drop"),)),
                Tool(
                    "Duplicate column",
                    "Copies a column under another name.",
                    (column(), text("new_name", "Name of the copy", required=True, most=1000)),
                ),
                Tool(
                    "Rename column",
                    "Gives columns other names.",
                    (
                        column(required=False),
                        text("new_name", "New name", most=1000),
                        rows(
                            "columns_to_rename",
                            "Several columns",
                            (column(), text("new_name", "New name", required=True, most=1000)),
                            most=1000,
                        ),
                    ),
                ),
                Tool(
                    "Move column",
                    "Puts columns elsewhere in the table.",
                    (
                        choice(
                            "move_type",
                            "Where to",
                            (
                                option("Move to start", _MOVED),
                                option("Move to end", _MOVED),
                                option(
                                    "Move to index", _MOVED, integer("index", "Index, from 0", required=True, least=0)
                                ),
                                option("Move after", _MOVED, column("target_column", "After")),
                                option("Move before", _MOVED, column("target_column", "Before")),
                            ),
                            required=True,
                        ),
                    ),
                ),
                Tool(
                    "Concatenate columns",
                    "Joins the texts of two columns.",
                    (
                        column("left_column", "Left"),
                        column("right_column", "Right"),
                        text("delimiter", "Between them", ""),
                        text("output_column", "New column", note="Empty: <left>_<right>.", most=1000),
                    ),
                ),
            ),
        ),
    ]
)
