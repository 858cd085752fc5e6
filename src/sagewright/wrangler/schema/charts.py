"""Visualizations and the insights report."""

from __future__ import annotations

from sagewright.wrangler.flows import NodeType
from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Parameter, Tool
from sagewright.wrangler.schema.fields import choice, code, column, columns, flag, integer, number, text

GROUP = "Charts"
_NAME = text("name", "Name", "", most=1000)
_COLOUR = column("color_by", "Colour by", required=False)
_FACET = column("facet_by", "A chart for each", required=False)
_PROBLEM = choice("problem_type", "Kind of problem", ("Classification", "Regression"))
METRICS = ("CI", "DPL", "JS", "CDDL", "KL", "LP", "TVD", "KS")


def _chart(name: str, label: str, sentence: str, *fields: Parameter) -> Operator:
    tools = (Tool("", sentence, (_NAME, *fields)),)
    return Operator(
        f"sagemaker.visualizations.{name}_0.1", label, GROUP, tools, NodeType.VISUALIZATION, outputs=("default",)
    )


declare(
    [
        _chart("describe", "Table summary", "Counts, bounds and means of each column."),
        _chart("histogram", "Histogram", "How often values occur.", column("x_axis", "Column"), _COLOUR, _FACET),
        _chart(
            "scatterplot",
            "Scatter plot",
            "Two columns against each other.",
            column("x_axis", "Across"),
            column("y_axis", "Up"),
            _COLOUR,
            _FACET,
        ),
        _chart(
            "quick_model", "Quick model", "The score of a random forest, and what it uses.", column("label", "Label")
        ),
        _chart(
            "target_leakage",
            "Target leakage",
            "How well each column alone predicts the target.",
            column("target", "Target"),
            _PROBLEM,
            integer("max_features", "Most columns", 20, least=1, most=1000),
        ),
        _chart(
            "feature_correlation",
            "Feature correlation",
            "Correlation of each two columns.",
            choice("correlation_type", "Kind", ("linear", "non-linear")),
        ),
        _chart(
            "multicollinearity",
            "Multicollinearity",
            "Columns that say the same.",
            choice(
                "analysis",
                "Kind",
                ("Variance inflation factors", "Principal component analysis", "Lasso feature selection"),
            ),
            column("target", "Target", required=False, note="Of Lasso."),
            columns("input_column", "Columns", required=False, note="None: all numbers."),
        ),
        _chart(
            "seasonal_decomposition",
            "Seasonal trend decomposition",
            "Season, trend and the rest of a series.",
            column("timestamp_column", "Times"),
            column("value_column", "Values"),
            integer("period", "Rows a season", 7, least=2, most=100_000),
        ),
        _chart(
            "anomaly_detection",
            "Anomaly detection",
            "Values of a series that are unlike those around them.",
            column("timestamp_column", "Times"),
            column("value_column", "Values"),
            number("threshold", "Standard deviations", 4, least=0.1, most=100),
            integer("window", "Rows around", 24, least=3, most=100_000),
        ),
        _chart(
            "bias_report",
            "Bias report",
            "Metrics of bias before training.",
            column("label_name", "Label"),
            choice("is_label_value_or_threshold", "A good label is", ("value", "threshold")),
            text("label_values", "Values", required=True),
            column("facet_name", "Facet"),
            choice("is_facet_value_or_threshold", "The facet is", ("value", "threshold")),
            text("facet_values", "Values"),
            column("group_name", "Group of CDDL", required=False),
            *(flag(f"metrics.{name}", name, name in ("CI", "DPL", "JS", "CDDL")) for name in METRICS),
        ),
        _chart(
            "custom_visualization",
            "Custom chart",
            "Runs code that makes an Altair chart named `chart` of the table `df`.",
            code("code", "Code", "python"),
        ),
        _chart(
            "data_insights_report",
            "Data quality and insights report",
            "What is wrong with the data, and the steps that mend it.",
            column("insights_report_parameters.target_column", "Target", required=False),
            choice(
                "insights_report_parameters.problem_type",
                "Kind of problem",
                ("Classification", "Regression"),
                required=False,
            ),
        ),
    ]
)
