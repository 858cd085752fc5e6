"""Table summary, histogram and scatter plot."""

from __future__ import annotations

from typing import Any

import polars as pl

from sagewright.wrangler.charts.shapes import DrawnChart, specification
from sagewright.wrangler.profiles import histogram as counted
from sagewright.wrangler.profiles import profile

MOST_COLOURS = 10
MOST_POINTS = 2000
OTHERS = "others"


def describe(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    """Returns count, mean, deviation and bounds of numbers, and the least and most frequent value of others."""
    rows: list[tuple[Any, ...]] = []
    for one in profile(frame):
        column = frame[one.name]
        if column.dtype.is_numeric():
            deviation = column.cast(pl.Float64).fill_nan(None).std()
            rows.append(
                (one.name, one.type, one.rows - one.missing, one.mean, deviation, one.minimum, one.maximum, None, None)
            )
            continue
        least = (
            column.drop_nulls().rename("value").value_counts().bottom_k(1, by=["count", "value"])
            if not column.dtype.is_nested()
            else frame.head(0)
        )
        rare = str(least["value"][0])[:200] if len(least) else None
        common = one.top[0][0] if one.top else None
        rows.append((one.name, one.type, one.rows - one.missing, None, None, one.minimum, one.maximum, rare, common))
    columns = ("column", "type", "count", "mean", "stddev", "min", "max", "least frequent", "most frequent")
    sentence = f"{len(frame):,} rows, {len(frame.columns)} columns."
    return DrawnChart("describe", values["name"] or "Table summary", sentence, columns, tuple(rows), {})


def histogram(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    name = values["x_axis"]
    groups = [one for one in (values["color_by"], values["facet_by"]) if one]
    grouped = frame.select(name, *(_few(frame, group).alias(f"by {place}") for place, group in enumerate(groups)))
    numeric = frame.schema[name].is_numeric()
    if numeric:
        edges, _ = counted(frame[name])
        if not edges:
            raise ValueError(f"The column {name!r} has no values.")
        start, width = edges[0], (edges[1] - edges[0]) or 1.0
        places = ((pl.col(name).cast(pl.Float64) - start) / width).floor().clip(0, len(edges) - 2)
        grouped = grouped.filter(pl.col(name).cast(pl.Float64).is_finite()).with_columns(places.alias("bin"))
    else:
        grouped = grouped.with_columns(_few(frame, name, 30).alias("bin"))
    keys = ["bin", *(f"by {place}" for place in range(len(groups)))]
    rows = grouped.group_by(keys).agg(pl.len().alias("count")).sort(keys, nulls_last=True).rows()
    data = []
    for key, *others, count in rows:
        low = start + key * width if numeric else key
        entry = {"from": low, "count": count, **{f"by{place}": other for place, other in enumerate(others)}}
        data.append({**entry, "to": low + width} if numeric else entry)
    encoding: dict[str, Any] = {"y": {"field": "count", "type": "quantitative", "title": "rows"}}
    if numeric:
        encoding["x"] = {"field": "from", "type": "quantitative", "bin": "binned", "title": name}
        encoding["x2"] = {"field": "to"}
    else:
        encoding["x"] = {"field": "from", "type": "nominal", "sort": "-y", "title": name}
    return _grouped("histogram", values, data, "bar", encoding)


def scatterplot(frame: pl.DataFrame, values: dict[str, Any]) -> DrawnChart:
    across, up = values["x_axis"], values["y_axis"]
    groups = [one for one in (values["color_by"], values["facet_by"]) if one]
    chosen = frame.select(
        pl.col(across).alias("x"),
        pl.col(up).alias("y"),
        *(_few(frame, group).alias(f"by{place}") for place, group in enumerate(groups)),
    ).drop_nulls(["x", "y"])
    if len(chosen) > MOST_POINTS:
        chosen = chosen.sample(MOST_POINTS, seed=0)
    data = [
        {key: value if isinstance(value, (int, float)) else str(value) for key, value in row.items()}
        for row in chosen.to_dicts()
    ]
    data = [row for row in data if all(not isinstance(one, float) or abs(one) < float("inf") for one in row.values())]
    kinds = {key: _kind(frame.schema[name]) for key, name in (("x", across), ("y", up))}
    encoding = {
        key: {"field": key, "type": kinds[key], "title": name, "scale": {"zero": False}}
        for key, name in (("x", across), ("y", up))
    }
    return _grouped("scatterplot", values, data, {"type": "point", "opacity": 0.5}, encoding)


def _kind(dtype: pl.DataType) -> str:
    return "quantitative" if dtype.is_numeric() else "temporal" if dtype.is_temporal() else "nominal"


def _few(frame: pl.DataFrame, name: str, most: int = MOST_COLOURS) -> pl.Expr:
    """Returns a column as text with few values; the rare ones become OTHERS."""
    text = pl.col(name).cast(pl.String, strict=False).fill_null("missing").str.slice(0, 100)
    common = frame.select(text.alias("t"))["t"].value_counts(name="n").top_k(most, by=["n", "t"])["t"].to_list()
    return pl.when(text.is_in(common)).then(text).otherwise(pl.lit(OTHERS))


def _grouped(
    kind: str, values: dict[str, Any], data: list[dict[str, Any]], mark: Any, encoding: dict[str, Any]
) -> DrawnChart:
    """Returns the chart with a colour and a facet, where the node names columns for them."""
    place = 0
    if values["color_by"]:
        encoding["color"] = {"field": "by0", "type": "nominal", "title": values["color_by"]}
        place = 1
    if values["facet_by"]:
        encoding["facet"] = {"field": f"by{place}", "type": "nominal", "title": values["facet_by"], "columns": 2}
    title = values["name"] or values["x_axis"]
    columns = tuple(data[0]) if data else ()
    rows = tuple(tuple(one.get(key) for key in columns) for one in data)
    number = sum(one.get("count", 1) for one in data)
    return DrawnChart(kind, title, f"{number:,} rows with a value.", columns, rows, specification(data, mark, encoding))
