"""Code of users, and images."""

from __future__ import annotations

from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, code, column, integer, number, option, text

GROUP = "Custom"
_PYSPARK = "Needs SAGEWRIGHT_WRANGLER_PYSPARK=1 in the job's environment."
_NEW = text("output_column", "New column", most=1000)
_IMAGE = column(types=("image",))
_TYPES = ("String", "Long", "Float", "Bool", "Date", "Datetime")
UDF = "Python (User-Defined Function)"
_UDF = (
    column("input_col"),
    text("output_col", "New column", most=1000),
    choice("udf_mode", "Argument", ("Python", "Pandas")),
    choice("return_type", "Type of the result", _TYPES),
    code("python_code", "Code for values", "python", required=False, note="A function custom_func of a value."),
    code("pandas_code", "Code for series", "python", required=False, note="A function custom_func of a Series."),
)

declare(
    [
        Operator(
            "sagemaker.spark.custom_code_0.1",
            "Custom transform",
            GROUP,
            (
                Tool(
                    "",
                    "Runs code on the table `df`.",
                    (
                        text("name", "Name", most=1000),
                        choice(
                            "operator",
                            "Language",
                            (
                                option("Python (Pandas)", code("code", "Code", "python"), member="pandas_parameters"),
                                option(
                                    "Python (PySpark)",
                                    code("code", "Code", "python", note=_PYSPARK),
                                    member="pyspark_parameters",
                                ),
                                option("SQL (PySpark SQL)", code("code", "Query", "sql"), member="sql_parameters"),
                                option(UDF, *_UDF, member="udf_parameters"),
                            ),
                            required=True,
                        ),
                    ),
                    memory="in Python (Pandas): all rows",
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.custom_pandas_0.1",
            "Python (Pandas)",
            GROUP,
            (Tool("", "Runs code on the DataFrame `df`.", (code("code", "Code", "python"),), memory="all rows"),),
        ),
        Operator(
            "sagemaker.spark.custom_pyspark_0.1",
            "Python (PySpark)",
            GROUP,
            (Tool("", "Runs code on Spark's DataFrame `df`.", (code("code", "Code", "python", note=_PYSPARK),)),),
        ),
        Operator(
            "sagemaker.spark.custom_pyspark_sql_0.1",
            "SQL (PySpark SQL)",
            GROUP,
            (Tool("", "Runs a query of Spark's dialect on the table `df`.", (code("code", "Query", "sql"),)),),
        ),
        Operator(
            "sagemaker.spark.custom_formula_0.1",
            "Custom formula",
            GROUP,
            (
                Tool(
                    "",
                    "Computes a column by an expression of Spark SQL.",
                    (
                        code("formula", "Expression", "sql"),
                        text("output_column", "New column", required=True, most=1000),
                    ),
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.custom_udf_0.1",
            "Python function",
            GROUP,
            (
                Tool(
                    "",
                    "Applies a function custom_func to each value, or to a series of them.",
                    (
                        column(),
                        _NEW,
                        choice("mode", "Argument", ("python", "pandas")),
                        choice("return_type", "Type of the result", _TYPES),
                        code("code", "Code", "python"),
                    ),
                ),
            ),
        ),
        Operator(
            "sagemaker.spark.transform_images_0.1",
            "Transform images",
            "Images",
            (
                Tool(
                    "Resize image",
                    "Changes the size.",
                    (
                        _IMAGE,
                        _NEW,
                        integer("width", "Width", 224, least=1, most=10_000),
                        integer("height", "Height", 224, least=1, most=10_000),
                    ),
                ),
                Tool("Blur image", "Blurs.", (_IMAGE, _NEW, number("radius", "Radius", 2, least=0, most=100))),
                Tool("Rotate image", "Rotates.", (_IMAGE, _NEW, number("angle", "Degrees", 90, least=-360, most=360))),
                Tool(
                    "Flip image",
                    "Mirrors.",
                    (_IMAGE, _NEW, choice("direction", "Direction", ("Horizontal", "Vertical"))),
                ),
                Tool("Convert to grayscale", "Takes the colours away.", (_IMAGE, _NEW)),
                Tool(
                    "Change contrast",
                    "Changes the contrast.",
                    (_IMAGE, _NEW, number("factor", "Factor", 1.5, least=0, most=100)),
                ),
            ),
        ),
    ]
)
