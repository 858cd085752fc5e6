"""Time series."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Parameter, Tool
from sagewright.wrangler.schema.fields import TIMES, choice, column, columns, flag, integer, number, option, text
from sagewright.wrangler.schema.times import FEATURIZED, GROUP

_TIME = column("timestamp_column", "Times", types=TIMES)
_ID = column("id_column", "Series of", required=False, note="None: the table is one series.")
_SEQUENCE = column("sequence_column", "Values")
_UNITS = ("Hourly", "Yearly", "Quarterly", "Monthly", "Weekly", "Daily", "Minutely", "Secondly")
_FREQUENCY = (
    integer("frequency.quantity", "Every", 1, least=1, most=100_000),
    choice("frequency.offset_description", "Unit", _UNITS),
)
_ALONG: tuple[Parameter, ...] = (
    column("hmac_sequence_column", "Values"),
    column("hmac_id_column", "Series of", required=False),
    column("hmac_timestamp_column", "Times", required=False),
    choice(
        "hmac_strategy",
        "Missing values become",
        (
            option("Forward Fill"),
            option("Backward Fill"),
            option("Interpolate"),
            option("Drop"),
            option(
                "Constant Value",
                text("hmac_custom_value", "Value", "0.0", most=1000),
                member="hmac_strategy_Constant Value_parameters",
            ),
        ),
    ),
    choice("hmac_leftovernans", "At the ends", ("Fill with Forward/Backward feed", "Keep")),
    text("hmac_output_column", "New column", most=1000),
)
_AGGREGATES = ("mean", "median", "min", "max", "sum", "first", "last", "most common")

declare(
    [
        Operator(
            "sagemaker.spark.time_series_0.1",
            "Time series",
            GROUP,
            (
                Tool(
                    "Resample",
                    "Gives each series a row at each time of a frequency.",
                    (
                        _TIME,
                        _ID,
                        *_FREQUENCY,
                        choice("downsample.numeric", "Several numbers become", _AGGREGATES),
                        choice(
                            "downsample.non_numeric", "Several other values become", ("most common", "first", "last")
                        ),
                        choice("upsample.numeric", "Missing numbers become", ("linear", "ffill", "bfill")),
                        choice("upsample.non_numeric", "Missing other values become", ("ffill", "bfill")),
                    ),
                    "Resample_parameters",
                    memory="the rows of the result",
                ),
                Tool(
                    "Handle missing",
                    "Fills gaps along a series.",
                    (
                        choice(
                            "hm_input_type",
                            "Kind",
                            (option("Along column", *_ALONG, member="hm_input_type_Along column_parameters"),),
                        ),
                    ),
                    "Handle missing_parameters",
                ),
                Tool(
                    "Validate timestamps",
                    "Looks for values that are no times.",
                    (_TIME, choice("policy", "What then", ("drop", "indicate", "error"))),
                    "Validate timestamps_parameters",
                ),
                Tool(
                    "Standardize length",
                    "Makes arrays equally long.",
                    (
                        column("sequence_column", "Arrays", types=("array", "vector")),
                        number("cutoff_percentile", "Longest, as a percentile", 100, least=0, most=100),
                        number("padding_value", "Fill with", 0),
                        text("output_column", "New column", most=1000),
                    ),
                    "Standardize length_parameters",
                ),
                Tool(
                    "Extract features",
                    "Makes one row of each series, with features under the names of tsfresh.",
                    (
                        _TIME,
                        _ID,
                        columns("sequence_columns", "Values", types=("long", "float")),
                        choice("strategy", "Features", ("Minimal subset", "Efficient subset")),
                    ),
                    "Extract features_parameters",
                ),
                Tool(
                    "Lag features",
                    "Adds values of rows before.",
                    (
                        _SEQUENCE,
                        _TIME,
                        _ID,
                        integer("lag", "Rows before", 1, least=1, most=500),
                        choice(
                            "entire_window",
                            "All lags up to it",
                            (
                                option(
                                    "Yes",
                                    flag("flatten", "As columns", True),
                                    member="entire_window_True_parameters",
                                ),
                                option("No"),
                            ),
                            "No",
                        ),
                        flag("drop_rows", "Drop the rows without all lags"),
                        text("output_column", "New column", note="Of a window that is not flattened.", most=1000),
                    ),
                    "Lag features_parameters",
                ),
                Tool(
                    "Rolling window features",
                    "Adds features of the last rows.",
                    (
                        _SEQUENCE,
                        _TIME,
                        _ID,
                        integer("window_size", "Rows", 8, least=2, most=100_000),
                        flag("flatten", "As columns", True),
                        choice("strategy", "Features", ("Minimal subset",)),
                    ),
                    "Rolling window features_parameters",
                ),
                Tool(
                    "Group by",
                    "Makes one row of each series, with its values as arrays.",
                    (_TIME, column("id_column", "Series of")),
                    "Group by_parameters",
                    memory="the values of each series",
                ),
                Tool(
                    "Datetime range",
                    "Adds a column of times, a row each.",
                    (
                        text("start", "Start", required=True, most=100),
                        *_FREQUENCY,
                        text("output_column", "New column", required=True, most=1000),
                    ),
                    "Datetime range_parameters",
                ),
                Tool(
                    "Featurize datetime",
                    "Makes numbers of the parts of a time.",
                    FEATURIZED,
                    "Featurize datetime_parameters",
                ),
            ),
        ),
    ]
)
