"""The parts of a printed program besides the operators: its source, its destination, and the call of a step."""

from __future__ import annotations

RUNTIME = '''
def run_step(
    run: Run, *frames: pl.LazyFrame, title: str, values: Mapping[str, Any], fitted: Mapping[str, Any] | None, node_id: str
) -> dict[str, pl.LazyFrame]:
    """Runs an operator on its inputs and returns its outputs by port."""
    inputs = {"df" if not number else f"df_{number}": frame for number, frame in enumerate(frames)}
    return dict(run(OperatorStep(node_id, run.__name__, title, values, inputs, fitted, seed=838257247)).outputs)


def s3_source(place: str, given: Mapping[str, Any]) -> dict[str, pl.LazyFrame]:
    """Reads a file or all files of a folder."""
    kind = str(given.get("s3ContentType") or "csv").lower()
    files = [place] if "://" in place and not place.endswith("/") else [f"{place}*"] if "://" in place else files_of(place)
    named = "_data_source_filename" if given.get("s3AddsFilenameColumn") else None
    if kind == "csv":
        header = given.get("s3HasHeader", True) is not False
        frame = pl.scan_csv(
            files,
            has_header=header,
            separator=str(given.get("s3FieldDelimiter") or ","),
            skip_lines=int(given.get("s3SkipLines") or 0),
            infer_schema=False,
            encoding="utf8-lossy",
            extra_columns="ignore",
            missing_columns="insert",
            include_file_paths=named,
        )
        if not header:
            frame = frame.rename(lambda name: f"_c{int(name.removeprefix('column_')) - 1}" if name.startswith("column_") else name)
    elif kind == "parquet":
        frame = pl.scan_parquet(files, include_file_paths=named, hive_partitioning=False)
    elif kind in ("jsonl", "json"):
        frame = pl.scan_ndjson(files, include_file_paths=named, infer_schema_length=10_000)
    else:
        raise ValueError(f"This program reads csv, parquet, json and jsonl, and not {kind}.")
    if named:
        frame = frame.with_columns(pl.col(named).str.split("/").list.last())
    return {"default": frame}


def files_of(place: str) -> list[Path]:
    """Returns a file, or the files of a folder, without those that tools add beside data."""
    path = Path(place)
    found = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.is_file())
    return [one for one in found if not one.name.startswith((".", "_"))]


def s3_destination(frame: pl.LazyFrame, place: str, given: Mapping[str, Any]) -> dict[str, pl.LazyFrame]:
    """Writes one file below `place`."""
    if "://" not in place:
        Path(place).mkdir(parents=True, exist_ok=True)
    place = place.rstrip("/") + "/"
    if str(given.get("output_content_type") or "CSV").upper() == "PARQUET":
        frame.sink_parquet(f"{place}part-00000.parquet")
    else:
        schema = frame.collect_schema()
        nested = [as_type(name, dtype, STRING).alias(name) for name, dtype in schema.items() if dtype.is_nested()]
        frame.with_columns(nested).sink_csv(
            f"{place}part-00000.csv",
            separator=str(given.get("delimiter") or ","),
            datetime_format="%Y-%m-%d %H:%M:%S%.f",
        )
    return {"default": frame}
'''
