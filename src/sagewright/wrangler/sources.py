"""Reads the sources of a flow from local files: those of a job's inputs, or a sample's."""

from __future__ import annotations

import codecs
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import ENCODINGS, Node
from sagewright.wrangler.packed import PackedError, unpacked
from sagewright.wrangler.types import HIDDEN

FILENAME = "_data_source_filename"
MOST_FILES = 100_000
MOST_LINE = 16 * 1024 * 1024
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_FILE, _LINE = f"{HIDDEN}file", f"{HIDDEN}line"


@dataclass(frozen=True)
class _Reading:
    """A source while it is read. `trace`: record each row's line."""

    sources: FileSources
    node: Node
    context: Mapping[str, Any]
    files: list[Path]
    trace: bool

    def prepared(self, encoding: str = "utf-8") -> list[Path]:
        return [self.sources.prepared(one, encoding) for one in self.files]


class FileSources:
    """`locate` returns the folder or file of a source node; `scratch`: a folder for files that have to be unpacked or decoded;
    `origin` converts a local path to the URI that the user knows, `s3://...`."""

    def __init__(
        self, locate: Callable[[Node], Path], scratch: Path, origin: Callable[[Node, Path], str] | None = None
    ) -> None:
        self.locate, self.scratch = locate, scratch
        self.origin = origin or (lambda _, path: path.name)
        self._prepared: dict[Path, Path] = {}

    def read(self, node: Node, *, trace: bool) -> pl.LazyFrame:
        """Returns the rows of a source. Raises StepError."""
        context = context_of(node)
        content = str(context.get("s3ContentType") or context.get("outputFormat") or "csv").lower()
        place = self.locate(node)
        files = self._files(node, place, nested=bool(context.get("s3DirIncludesNested")), images=content == "image")
        reader = _READERS.get(content)
        if reader is None:
            raise _fault(node, f"The format {content!r} is not one of {', '.join(_READERS)}.")
        try:
            frame = reader(_Reading(self, node, context, files, trace))
            frame = self._with_origins(node, frame, files, bool(context.get("s3AddsFilenameColumn")), trace)
            frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError, PackedError, UnicodeError) as error:
            raise _fault(node, str(error).split("\n", 1)[0][:500]) from error
        return frame

    def _files(self, node: Node, place: Path, *, nested: bool, images: bool) -> list[Path]:
        if not place.exists():
            raise _fault(node, f"There is no file at {place.name}.")
        found = [place] if place.is_file() else sorted(_walked(place, nested=nested))
        if images:
            found = [one for one in found if one.suffix.lower() in _IMAGES]
        found = [one for one in found if one.stat().st_size]
        if not found:
            raise _fault(node, f"The source {name_of(node)!r} has no file with data.")
        if len(found) > MOST_FILES:
            raise _fault(node, f"The source has {len(found):,} files, more than {MOST_FILES:,}.")
        return found

    def prepared(self, path: Path, encoding: str = "utf-8") -> Path:
        """Returns the file, or its unpacked and decoded copy. Raises PackedError, UnicodeError."""
        if path not in self._prepared:
            target = self.scratch / f"source-{len(self._prepared)}{path.suffix}"
            ready = unpacked(path, target, shutil.disk_usage(self.scratch).free // 2)
            if encoding not in ("utf-8", "ascii"):
                ready = _decoded(ready, target.with_suffix(".utf8"), encoding)
            self._prepared[path] = ready
        return self._prepared[path]

    def _with_origins(
        self, node: Node, frame: pl.LazyFrame, files: list[Path], named: bool, trace: bool
    ) -> pl.LazyFrame:
        """Replaces the hidden path of the source file with the columns that a flow or a search for a row needs."""
        if _FILE not in frame.collect_schema():
            return frame
        if not named and not trace:
            return frame.drop(_FILE, _LINE, strict=False)
        back = {str(self._prepared.get(one, one)): self.origin(node, one) for one in files}
        known = pl.col(_FILE).map_batches(
            lambda batch: batch.replace_strict(back, default=batch, return_dtype=pl.String),
            return_dtype=pl.String,
            is_elementwise=True,
        )
        if named:
            frame = frame.with_columns(known.alias(FILENAME))
        return frame.with_columns(known.alias(_FILE)) if trace else frame.drop(_FILE, _LINE, strict=False)


def context_of(node: Node) -> Mapping[str, Any]:
    """Returns the part of the data set's definition with the data to read."""
    definition = node.parameters.get("dataset_definition")
    definition = definition if isinstance(definition, dict) else {}
    context = definition.get("s3ExecutionContext")
    return context if isinstance(context, dict) else definition


def name_of(node: Node) -> str:
    definition = node.parameters.get("dataset_definition")
    return str(definition.get("name", "")) if isinstance(definition, dict) else ""


def _walked(folder: Path, *, nested: bool) -> Iterator[Path]:
    """Yields the files, without those that Spark and S3 tools add next to data."""
    for one in folder.iterdir():
        if one.name.startswith((".", "_")) or one.is_symlink():
            continue
        if one.is_dir():
            if nested:
                yield from _walked(one, nested=True)
        elif one.name != "manifest.json":
            yield one


def _csv(reading: _Reading) -> pl.LazyFrame:
    delimiter = str(reading.context.get("s3FieldDelimiter") or ",")
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter.encode()) != 1:
        raise _fault(reading.node, f"The delimiter is {delimiter!r}; it has to be one character of ASCII.")
    encoding = ENCODINGS.get(str(reading.context.get("s3CsvEncodingType") or "UTF_8"))
    if encoding is None:
        raise _fault(
            reading.node,
            f"The encoding {reading.context.get('s3CsvEncodingType')!r} is not one of {', '.join(ENCODINGS)}.",
        )
    skipped = int(reading.context.get("s3SkipLines") or 0)
    ready = reading.prepared(encoding)
    header = reading.context.get("s3HasHeader", True) is not False
    if header:
        _check_headers(reading, ready, skipped)
    groups = [[one] for one in ready] if reading.trace else [ready]  # the number of a line starts at each file
    frame = pl.concat([_scanned(one, header, delimiter, skipped) for one in groups])
    if not header:
        names = [one for one in frame.collect_schema() if not one.startswith(HIDDEN)]
        frame = frame.rename({name: f"_c{number}" for number, name in enumerate(names)})
    return frame


def _scanned(files: list[Path], header: bool, delimiter: str, skipped: int) -> pl.LazyFrame:
    return pl.scan_csv(
        files,
        has_header=header,
        separator=delimiter,
        skip_lines=skipped,
        infer_schema=False,
        encoding="utf8-lossy",
        extra_columns="ignore",
        missing_columns="insert",
        include_file_paths=_FILE,
        row_index_name=_LINE,
        row_index_offset=skipped + 1 + header,
        glob=False,
    )


def _check_headers(reading: _Reading, ready: list[Path], skipped: int) -> None:
    """Raises StepError for a file whose first line differs from that of the first file."""
    node, files = reading.node, reading.files
    first = _line(node, files[0], ready[0], skipped)
    for file, one in zip(files[1:], ready[1:], strict=True):
        if _line(node, file, one, skipped) != first:
            raise _fault(node, f"The file {file.name} has other columns than {files[0].name}.")


def _line(node: Node, file: Path, ready: Path, skipped: int) -> bytes:
    with ready.open("rb") as opened:
        for _ in range(skipped):
            opened.readline(MOST_LINE)
        line = opened.readline(MOST_LINE)
    if len(line) >= MOST_LINE:
        raise _fault(node, f"The first line of {file.name} has more than {MOST_LINE:,} bytes.")
    return line.removeprefix(codecs.BOM_UTF8).strip()


def _parquet(reading: _Reading) -> pl.LazyFrame:
    return pl.scan_parquet(reading.files, include_file_paths=_FILE, glob=False, hive_partitioning=False)


def _jsonl(reading: _Reading) -> pl.LazyFrame:
    ready = reading.prepared()
    return pl.scan_ndjson(ready, include_file_paths=_FILE, infer_schema_length=10_000)


MOST_JSON = 2 * 1024 * 1024 * 1024


def _json(reading: _Reading) -> pl.LazyFrame:
    """Reads arrays of objects; a file of JSON Lines is read as such."""
    parts: list[pl.LazyFrame] = []
    for one in reading.files:
        ready = reading.sources.prepared(one)
        if ready.stat().st_size > MOST_JSON:
            raise _fault(
                reading.node, f"The file {one.name} has more than {MOST_JSON:,} bytes; write it as JSON Lines."
            )
        with ready.open("rb") as opened:
            start = opened.read(4096).lstrip()[:1]
        frame = pl.read_json(ready, infer_schema_length=None).lazy() if start == b"[" else pl.scan_ndjson(ready)
        parts.append(frame.with_columns(pl.lit(str(ready)).alias(_FILE)))
    return pl.concat(parts, how="diagonal_relaxed")


def _orc(reading: _Reading) -> pl.LazyFrame:
    from pyarrow import orc

    parts: list[pl.LazyFrame] = []
    for one in reading.files:
        target = reading.sources.scratch / f"orc-{reading.node.node_id}-{len(parts)}.parquet"
        _rewritten(orc.ORCFile(str(one)), target)
        parts.append(pl.scan_parquet(target, glob=False).with_columns(pl.lit(str(one)).alias(_FILE)))
    return pl.concat(parts, how="diagonal_relaxed")


def _rewritten(file: Any, target: Path) -> None:
    """Writes an ORC file as Parquet, a stripe at a time."""
    from pyarrow import parquet

    with parquet.ParquetWriter(target, file.schema) as writer:
        for number in range(file.nstripes):
            writer.write_batch(file.read_stripe(number))


MOST_IMAGE = 64 * 1024 * 1024


def _images(reading: _Reading) -> pl.LazyFrame:
    """Returns a row an image: its bytes in the column `image`, read a batch at a time."""
    large = next((one for one in reading.files if one.stat().st_size > MOST_IMAGE), None)
    if large is not None:
        raise _fault(reading.node, f"The image {large.name} has more than {MOST_IMAGE:,} bytes.")
    paths = pl.LazyFrame({_FILE: [str(one) for one in reading.files]})
    contents = pl.col(_FILE).map_elements(lambda path: Path(path).read_bytes(), return_dtype=pl.Binary)
    return paths.with_columns(contents.alias("image"))


_Reader = Callable[[_Reading], pl.LazyFrame]
_READERS: dict[str, _Reader] = {
    "csv": _csv,
    "parquet": _parquet,
    "jsonl": _jsonl,
    "json": _json,
    "orc": _orc,
    "image": _images,
}


def _decoded(source: Path, target: Path, encoding: str) -> Path:
    with (
        source.open(encoding=encoding, newline="") as opened,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        shutil.copyfileobj(opened, written, 1024 * 1024)
    return target


def _fault(node: Node, reason: str) -> StepError:
    return StepError(node.node_id, node.operator, reason)
