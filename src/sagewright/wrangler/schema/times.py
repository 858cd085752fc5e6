"""Dates and times."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Parameter, Tool
from sagewright.wrangler.schema.fields import TIMES, choice, column, flag, output, text

GROUP = "Dates and times"
PARTS = ("year", "month", "day", "hour", "minute", "second", "week_of_year", "day_of_year", "quarter")
FEATURIZED: tuple[Parameter, ...] = (
    column(types=(*TIMES, "long")),
    output("Empty: the column's name."),
    choice("output_mode", "Numbers", ("Ordinal", "Cyclic"), note="Cyclic: sine and cosine, _1 and _2."),
    choice("output_format", "Result", ("Columns", "Vector")),
    flag("infer_datetime_format", "Find the format", True),
    text("date_time_format", "Format", "", note="For example %Y-%m-%d or yyyy-MM-dd. Empty: ISO 8601.", most=100),
    flag("use_one_indexing", "Months and days count from 1", True),
    *(flag(part, part.replace("_", " ").capitalize(), part in ("year", "month", "day")) for part in PARTS),
)

declare(
    [
        Operator(
            "sagemaker.spark.featurize_date_time_0.1",
            "Featurize date and time",
            GROUP,
            (Tool("", "Makes numbers of the parts of a date or time.", FEATURIZED),),
        ),
    ]
)
