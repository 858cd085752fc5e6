"""Rows: order, duplicates, samples, balance."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, column, columns, flag, integer, number, option, rows, text

GROUP = "Rows"
SEED = 838257247
_ORDER = choice("order", "Order", ("Ascending", "Descending"))
_SIZE = integer("sample_size", "Rows", 1000, least=1, most=1_000_000_000)
_SEED = integer("seed", "Seed", SEED, least=0, most=2**63 - 1)
_TARGET = column("target_column", "Target")
_RATIO = number("ratio", "Smaller to larger class", 1, least=1e-6, most=1)
_SPLITS = rows(
    "splits",
    "Parts",
    (text("name", "Name", required=True, most=100), number("percentage", "Share", required=True, least=0, most=1)),
    required=True,
    most=100,
)
_ERROR = number("error", "Tolerance", 0.05, least=0, most=1, note="Not read: the shares are those of the drawn rows.")
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "contains", "matches", "is missing", "is not missing")

declare(
    [
        Operator(
            "sagemaker.spark.manage_rows_0.1",
            "Manage rows",
            GROUP,
            (
                Tool(
                    "Sort",
                    "Sorts the rows.",
                    (
                        rows("conditions", "By", (column("sort_by", "Column"), _ORDER), most=100),
                        column("sort_by", "Column", required=False, note="Of older flows, which sort by one column."),
                        _ORDER,
                    ),
                ),
                Tool("Shuffle", "Puts the rows in a random order, the same in each run."),
                Tool(
                    "Drop duplicates",
                    "Keeps the first of equal rows.",
                    (columns(required=False, note="None: all columns have to be equal."),),
                ),
                Tool("Drop empty", "Drops rows in which all values are missing."),
                Tool(
                    "Filter",
                    "Keeps the rows for which conditions hold.",
                    (
                        rows(
                            "conditions",
                            "Conditions",
                            (
                                column("column"),
                                choice("comparison", "Is", _COMPARISONS, required=True),
                                text("value", "Value"),
                            ),
                            most=100,
                        ),
                        choice("logical_operator", "Of several conditions", ("And", "Or")),
                    ),
                    "filter_parameters",
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.sampling_0.1",
            "Sampling",
            GROUP,
            (
                Tool(
                    "",
                    "Keeps the first rows, or draws some at random: of all, or the same share of each group.",
                    (
                        choice(
                            "sampling_method",
                            "How",
                            (
                                option("Random", _SIZE, _SEED),
                                option("Limit", _SIZE),
                                option("Stratified", _SIZE, column("stratify_column", "Groups of"), _SEED),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.balance_data_0.1",
            "Balance data",
            GROUP,
            (
                Tool("Random oversample", "Repeats rows of the smaller class.", (_TARGET, _RATIO), memory="all rows"),
                Tool(
                    "Random undersample", "Leaves out rows of the larger class.", (_TARGET, _RATIO), memory="all rows"
                ),
                Tool(
                    "SMOTE",
                    "Makes new rows of the smaller class, between its rows.",
                    (_TARGET, _RATIO, integer("smote_params.num_neighbors", "Neighbours", 5, least=1, most=100)),
                    memory="all rows",
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.split_0.1",
            "Split data",
            GROUP,
            (
                Tool("Randomized split", "Splits at random.", (_SPLITS, _ERROR, _SEED)),
                Tool(
                    "Ordered split",
                    "Splits in the order of a column: the first part has its smallest values.",
                    (_SPLITS, column(), flag("handle_duplicates", "Keep equal values together")),
                ),
                Tool("Stratified split", "Splits each group alike.", (_SPLITS, column(), _ERROR, _SEED)),
                Tool(
                    "Split by key",
                    "Splits at random; rows with equal keys stay together.",
                    (_SPLITS, columns("key_columns", "Keys"), _ERROR, _SEED),
                ),
            ),
            outputs=(),
        ),
    ]
)
