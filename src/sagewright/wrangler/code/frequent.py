"""Short forms of frequent steps: (values, fitted state) to polars, pandas and PySpark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Given = Mapping[str, Any]
Lines = tuple[str, str, str]


def _columns(given: Given, name: str = "input_column") -> list[str]:
    found = given.get(name) or []
    return [found] if isinstance(found, str) else list(found)


def _target(given: Given, column: str) -> str:
    return str(given.get("output_column") or column) if len(_columns(given)) == 1 else column


def _literal(value: Any) -> str:
    """Returns a literal for a line of `_each`."""
    return repr(value).replace("{", "{{").replace("}", "}}")


def _each(given: Given, polars: str, pandas: str, pyspark: str) -> Lines:
    """Returns one line per column; {c} is the column and {t} the result's, as literals."""
    names = [(repr(column), repr(_target(given, column))) for column in _columns(given)]
    return tuple(
        "\n".join(line.format(c=column, t=target) for column, target in names) for line in (polars, pandas, pyspark)
    )  # type: ignore[return-value]


def _text(polars: str, pandas: str, pyspark: str) -> Any:
    def snippet(given: Given, _fitted: Given) -> Lines:
        filled = [
            line.replace("<v>", _literal(next((given[key] for key in _VALUES if given.get(key)), "")))
            for line in (polars, pandas, pyspark)
        ]
        return _each(
            given,
            f"df = df.with_columns(pl.col({{c}}).str.{filled[0]}.alias({{t}}))",
            f"df[{{t}}] = df[{{c}}].str.{filled[1]}",
            f"df = df.withColumn({{t}}, F.{filled[2]})",
        )

    return snippet


_VALUES = ("characters_to_remove", "pattern")


def _drop_column(given: Given, _fitted: Given) -> Lines:
    names = _columns(given, "column_to_drop")
    return f"df = df.drop({names!r})", f"df = df.drop(columns={names!r})", f"df = df.drop(*{names!r})"


def _rename(given: Given, _fitted: Given) -> Lines:
    pairs = {one["input_column"]: one["new_name"] for one in given.get("columns_to_rename") or []} or {
        given["input_column"]: given["new_name"]
    }
    return f"df = df.rename({pairs!r})", f"df = df.rename(columns={pairs!r})", f"df = df.withColumnsRenamed({pairs!r})"


def _duplicate(given: Given, _fitted: Given) -> Lines:
    name, new = given["input_column"], given["new_name"]
    return (
        f"df = df.with_columns(pl.col({name!r}).alias({new!r}))",
        f"df[{new!r}] = df[{name!r}]",
        f"df = df.withColumn({new!r}, F.col({name!r}))",
    )


def _fill(given: Given, _fitted: Given) -> Lines:
    value = _literal(given["fill_value"])
    return _each(
        given,
        f"df = df.with_columns(pl.col({{c}}).fill_null({value}).alias({{t}}))",
        f"df[{{t}}] = df[{{c}}].fillna({value})",
        f"df = df.withColumn({{t}}, F.coalesce(F.col({{c}}), F.lit({value})))",
    )


def _impute(given: Given, fitted: Given) -> Lines:
    if given["column_type"] != "Numeric":
        return "", "", ""
    polars, pandas, pyspark = (
        ("mean()", "mean()", "avg") if given.get("strategy") == "Mean" else ("median()", "median()", "median")
    )
    imputed = fitted.get("imputed") or {}
    if imputed:
        names = [(name, imputed[name]) for name in _columns(given) if name in imputed]
        return (
            "\n".join(
                f"df = df.with_columns(pl.col({name!r}).fill_null({value!r}))  # fitted" for name, value in names
            ),
            "\n".join(f"df[{name!r}] = df[{name!r}].fillna({value!r})  # fitted" for name, value in names),
            f"df = df.fillna({dict(names)!r})  # fitted",
        )
    return _each(
        given,
        f"df = df.with_columns(pl.col({{c}}).fill_null(pl.col({{c}}).{polars}).alias({{t}}))",
        f"df[{{t}}] = df[{{c}}].fillna(df[{{c}}].{pandas})",
        f"df = df.withColumn({{t}}, F.coalesce(F.col({{c}}), F.lit(df.select(F.{pyspark}({{c}})).first()[0])))",
    )


def _drop_missing(given: Given, _fitted: Given) -> Lines:
    names = _columns(given)
    if given["dimension"] != "Drop Rows":
        return "", "", ""
    if not names:
        return "df = df.drop_nulls()", "df = df.dropna()", "df = df.dropna()"
    return f"df = df.drop_nulls({names!r})", f"df = df.dropna(subset={names!r})", f"df = df.dropna(subset={names!r})"


def _indicator(given: Given, _fitted: Given) -> Lines:
    names = _columns(given)
    return (
        "\n".join(f"df = df.with_columns(pl.col({name!r}).is_null().alias({name + '_indicator'!r}))" for name in names),
        "\n".join(f"df[{name + '_indicator'!r}] = df[{name!r}].isna()" for name in names),
        "\n".join(f"df = df.withColumn({name + '_indicator'!r}, F.col({name!r}).isNull())" for name in names),
    )


def _sort(given: Given, _fitted: Given) -> Lines:
    conditions = given["conditions"] or [{"sort_by": given["sort_by"], "order": given["order"]}]
    names, up = [one["sort_by"] for one in conditions], [one["order"] != "Descending" for one in conditions]
    return (
        f"df = df.sort({names!r}, descending={[not one for one in up]!r})",
        f"df = df.sort_values({names!r}, ascending={up!r}, kind='stable')",
        f"df = df.orderBy({names!r}, ascending={up!r})",
    )


def _duplicates(given: Given, _fitted: Given) -> Lines:
    names = _columns(given)
    return (
        f"df = df.unique({f'{names!r}, ' if names else ''}keep='first', maintain_order=True)",
        f"df = df.drop_duplicates({names!r})" if names else "df = df.drop_duplicates()",
        f"df = df.dropDuplicates({names!r})" if names else "df = df.dropDuplicates()",
    )


def _scale(_given: Given, fitted: Given) -> Lines:
    entries = fitted.get("columns") or []
    if not entries:
        return "", "", ""
    polars, pandas, pyspark = [], [], []
    for one in entries:
        name, formula = one["input_column"], f"- {one['center']!r}) * {one['scale']!r} + {one['shift']!r}"
        polars.append(f"df = df.with_columns((pl.col({name!r}) {formula})  # fitted")
        pandas.append(f"df[{name!r}] = (df[{name!r}] {formula}  # fitted")
        pyspark.append(f"df = df.withColumn({name!r}, (F.col({name!r}) {formula})  # fitted")
    return "\n".join(polars), "\n".join(pandas), "\n".join(pyspark)


def _one_hot(given: Given, fitted: Given) -> Lines:
    if given["output_style"] != "Columns" or not fitted.get("columns"):
        return "", "", ""
    polars, pandas, pyspark = [], [], []
    for one in fitted["columns"]:
        name, labels = one["input_column"], one["encoder_mapping"]
        labels = labels[:-1] if given["drop_last"] else labels
        base = _target(given, name)
        polars += [
            f"labels = {labels!r}  # fitted",
            f"df = df.with_columns((pl.col({name!r}) == one).cast(pl.Float64).alias({base + '_'!r} + one) for one in labels).drop({name!r})",
        ]
        pandas += [
            f"for one in {labels!r}:  # fitted",
            f"    df[{base + '_'!r} + one] = (df[{name!r}] == one).astype(float)",
            f"df = df.drop(columns={name!r})",
        ]
        pyspark += [
            f"for one in {labels!r}:  # fitted",
            f"    df = df.withColumn({base + '_'!r} + one, (F.col({name!r}) == one).cast('double'))",
            f"df = df.drop({name!r})",
        ]
    return "\n".join(polars), "\n".join(pandas), "\n".join(pyspark)


def _join(given: Given, _fitted: Given) -> Lines:
    left, right, kind = given.get("left_column"), given.get("right_column"), given["join_type"]
    if not left or not right:
        return "", "", ""
    how = {
        "leftouter": "left",
        "rightouter": "right",
        "fullouter": "full",
        "inner": "inner",
        "leftanti": "anti",
        "leftsemi": "semi",
    }.get(kind, "cross")
    merged = {"full": "outer"}.get(how, how)
    plain = f"df = df.merge(other, how={merged!r}, left_on={left!r}, right_on={right!r}, suffixes=('_0', '_1'))"
    return (
        f"df = df.join(other, left_on={left!r}, right_on={right!r}, how={how!r}, suffix='_1')",
        plain if how in ("left", "right", "full", "inner") else "",
        f"df = df.join(other, df[{left!r}] == other[{right!r}], {kind!r})",
    )


def _formula(given: Given, _fitted: Given) -> Lines:
    formula, output = given["formula"], given["output_column"]
    return (
        f"df = df.with_columns(pl.sql_expr({formula!r}).alias({output!r}))  # Spark SQL: the flow translates it",
        "",
        f"df = df.withColumn({output!r}, F.expr({formula!r}))",
    )


def _cast(given: Given, _fitted: Given) -> Lines:
    name, kind = given["column"], given["data_type"].lower()
    polars = {
        "long": "Int64",
        "float": "Float64",
        "string": "String",
        "bool": "Boolean",
        "date": "Date",
        "datetime": "Datetime",
    }[kind]
    spark = {
        "long": "bigint",
        "float": "double",
        "string": "string",
        "bool": "boolean",
        "date": "date",
        "datetime": "timestamp",
    }[kind]
    pandas = {
        "long": f"pd.to_numeric(df[{name!r}], errors='coerce').astype('Int64')",
        "float": f"pd.to_numeric(df[{name!r}], errors='coerce')",
        "date": f"pd.to_datetime(df[{name!r}], errors='coerce').dt.date",
        "datetime": f"pd.to_datetime(df[{name!r}], errors='coerce')",
    }.get(kind, f"df[{name!r}].astype({'boolean' if kind == 'bool' else 'string'!r})")
    return (
        f"df = df.with_columns(pl.col({name!r}).cast(pl.{polars}, strict=False))",
        f"df[{name!r}] = {pandas}",
        f"df = df.withColumn({name!r}, F.col({name!r}).cast({spark!r}))",
    )


def _replace(given: Given, _fitted: Given) -> Lines:
    pattern, text = _literal(given["pattern"]), _literal(given["replacement"])
    return _each(
        given,
        f"df = df.with_columns(pl.col({{c}}).str.replace_all({pattern}, {text}).alias({{t}}))",
        f"df[{{t}}] = df[{{c}}].str.replace({pattern}, {text}, regex=True)",
        f"df = df.withColumn({{t}}, F.regexp_replace({{c}}, {pattern}, {text}))",
    )


def _code(given: Given, _fitted: Given) -> Lines:
    code = str(given["code"])
    if given.get("operator", "Python (Pandas)") == "Python (Pandas)":
        return f"df = df.collect().to_pandas()\n{code}\ndf = pl.from_pandas(df).lazy()", code, ""
    return "", "", code


SNIPPETS: dict[tuple[str, str], Any] = {
    ("manage_columns", "Drop column"): _drop_column,
    ("manage_columns", "Rename column"): _rename,
    ("manage_columns", "Duplicate column"): _duplicate,
    ("cast_single_data_type", ""): _cast,
    ("handle_missing", "Fill missing"): _fill,
    ("handle_missing", "Impute"): _impute,
    ("handle_missing", "Drop missing"): _drop_missing,
    ("handle_missing", "Add indicator for missing"): _indicator,
    ("manage_rows", "Sort"): _sort,
    ("manage_rows", "Drop duplicates"): _duplicates,
    ("process_numeric", "Scale values"): _scale,
    ("encode_categorical", "One-hot encode"): _one_hot,
    ("join_tables", ""): _join,
    ("custom_formula", ""): _formula,
    ("custom_pandas", ""): _code,
    ("custom_code", ""): _code,
    ("search_and_edit", "Find and replace substring"): _replace,
    ("format_string", "Lower case"): _text("to_lowercase()", "lower()", "lower({c})"),
    ("format_string", "Upper case"): _text("to_uppercase()", "upper()", "upper({c})"),
    ("format_string", "Strip left and right"): _text("strip_chars(<v> or None)", "strip(<v> or None)", "trim({c})"),
}
