"""The module of each operator. Imports only the standard library, so that a program can be printed without polars."""

from __future__ import annotations

_MODULES = {
    "columns.manage_columns": ("manage_columns",),
    "columns.types": ("infer_and_cast_type", "cast_single_data_type"),
    "cleaning.handle_missing": ("handle_missing",),
    "cleaning.handle_outliers": ("handle_outliers",),
    "numeric.process_numeric": ("process_numeric",),
    "numeric.manage_vectors": ("manage_vectors",),
    "numeric.dimensionality_reduction": ("dimensionality_reduction",),
    "encoding.encode_categorical": ("encode_categorical",),
    "rows.manage_rows": ("manage_rows",),
    "rows.sampling": ("sampling",),
    "rows.split": ("split",),
    "rows.identity": ("identity",),
    "rows.join": ("join_tables", "join_multi_keys"),
    "rows.concatenate_datasets": ("concatenate_datasets",),
    "rows.balance_data": ("balance_data",),
    "rows.structured": ("handle_structured_column",),
    "text.format_string": ("format_string",),
    "text.search_and_edit": ("search_and_edit",),
    "text.validate_string": ("validate_string",),
    "text.featurize_text": ("featurize_text",),
    "times.featurize_date_time": ("featurize_date_time",),
    "times.time_series": ("time_series",),
    "custom.sql": ("custom_formula", "custom_pyspark_sql"),
    "custom.code": ("custom_pandas", "custom_pyspark", "custom_code", "custom_udf"),
    "media.transform_images": ("transform_images",),
}
MODULES = {name: module for module, names in _MODULES.items() for name in names}
"""The module of an operator, by its id without `sagemaker.spark.` and the version."""


def plain_name(operator: str) -> str:
    """Returns `handle_missing` for `sagemaker.spark.handle_missing_0.1`."""
    return operator.rpartition("_")[0].rpartition(".")[2]
