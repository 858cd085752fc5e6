"""Data sets of Athena queries, created by DuckDB before the job's program starts: in the job's sandbox, from local files.

Source: AWS's API reference, AthenaDatasetDefinition; Athena's guide, UNLOAD, for the format of a result's files.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

PLAN, TABLES, RESULTS, FAILURE = ".athena/queries.json", ".athena/tables", ".athena/results", "output/.query-failure"
_FORMATS = {"PARQUET": ("parquet", "GZIP", "SNAPPY"), "JSON": ("json", "GZIP"), "TEXTFILE": ("csv", "GZIP")}
"""DuckDB's name of each OutputFormat, and the possible values of OutputCompression; the first is the default, as in Athena."""
_PARQUET = b"PAR1"


class QueryFailed(Exception):
    """A query that is unsupported or invalid; the message contains the reason."""


def main(words: list[str]) -> int:
    """Creates the data sets, and becomes the program `words`; returns the exit status if a query fails."""
    root = Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml"))
    for query in json.loads((root / PLAN).read_bytes()):
        try:
            make(root, query)
        except Exception as error:  # from DuckDB, the parser, or a full disk: each ends the job with its message
            text = f"{query['title']}: the query failed: {error}"
            print(text, flush=True)
            (root / FAILURE).parent.mkdir(parents=True, exist_ok=True)
            (root / FAILURE).write_text(text)
            return 1
    sys.stdout.flush()
    try:
        os.execvp(words[0], words)  # noqa: S606 - the job's own program
    except OSError as error:
        print(f"The program {words[0]} cannot be started: {error}", flush=True)
        return 127


def make(root: Path, query: dict[str, Any]) -> None:
    """Runs one query. Raises QueryFailed, and the errors of DuckDB and the parser."""
    place = root / query["place"]
    place.mkdir(parents=True, exist_ok=True)
    hosts = json.loads((root / "config" / "resourceconfig.json").read_bytes())
    if query["sharded"] and hosts["current_host"] != hosts["hosts"][0]:
        return  # a result is one object, which one host gets
    result = _result(root, query)
    statement, tables = translated(query)
    connection = _connection(root)
    try:
        _create_tables(connection, root, query["source"], tables)
        connection.execute("SET lock_configuration=true")
        _write(connection, statement, query, result)
    finally:
        connection.close()
    shutil.copy(str(result), str(place / result.name))
    print(f"{query['title']}: the query's result is {result.name}, {result.stat().st_size} bytes.", flush=True)


def translated(query: dict[str, Any]) -> tuple[str, set[tuple[str, str]]]:
    """Returns the query in DuckDB's SQL, and the databases and names of its tables, in lower case.

    Raises QueryFailed for anything but one query, and the parser's errors.
    """
    import sqlglot
    from sqlglot import exp

    statements = [one for one in sqlglot.parse(query["sql"], read="trino") if one is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryFailed("only a single SELECT is supported, and no other statement")
    tables = set()
    for table in statements[0].find_all(exp.Table):
        if table.catalog and table.catalog.lower() not in {"awsdatacatalog", query["catalog"].lower()}:
            raise QueryFailed(f"the catalog {table.catalog} does not exist, only {query['catalog']}")
        tables.add(((table.db or query["source"]).lower(), table.name.lower()))
        table.set("catalog", None)
        if table.db:
            table.set("db", exp.to_identifier(_schema(table.db)))
    return str(statements[0].sql(dialect="duckdb", identify=True)), tables


def _schema(database: str) -> str:
    """Returns a name that none of DuckDB's own schemas and catalogs has."""
    return f"athena_{database.lower()}"


def _connection(root: Path) -> Any:
    """Returns a database that only reads and writes the job's files, and installs nothing."""
    import duckdb

    spill = root / ".athena" / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    for setting, variable, unit in (
        ("memory_limit", "SAGEWRIGHT_QUERY_MB", "MiB"),
        ("threads", "SAGEWRIGHT_QUERY_CPUS", ""),
    ):
        if os.environ.get(variable, "").isdecimal():
            connection.execute(f"SET {setting}={_quoted(os.environ[variable] + unit)}")
    connection.execute(f"SET temp_directory={_quoted(spill)}")
    connection.execute(f"SET allowed_directories=[{_quoted(root / '.athena')}]")
    connection.execute("SET enable_external_access=false")
    return connection


def _create_tables(connection: Any, root: Path, database: str, tables: set[tuple[str, str]]) -> None:
    """Creates a view for each folder that is a table of the query. `database`: default of tables without one."""
    for name in sorted({database.lower(), *(own for own, _table in tables)}):
        connection.execute(f"CREATE SCHEMA {_named(_schema(name))}")
    connection.execute(f"USE {_named(_schema(database))}")
    for own, table in sorted(tables):
        folder = root / TABLES / own / table
        if folder.is_dir():
            name = f"{_named(_schema(own))}.{_named(table)}"
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {_reader(folder)}")  # noqa: S608 - quoted


def _reader(table: Path) -> str:
    """Returns DuckDB's expression for a table's files, which are all CSV or all Parquet. Raises QueryFailed."""
    files = sorted(path for path in table.rglob("*") if path.is_file() and path.stat().st_size and _counts(path))
    if not files:
        raise QueryFailed(f"the table {table.parent.name}.{table.name} has no files with content")
    kinds = {_kind(path) for path in files}
    if len(kinds) > 1:
        raise QueryFailed(
            f"the table {table.parent.name}.{table.name} has files of several kinds: {', '.join(sorted(kinds))}"
        )
    partitioned = str(any("=" in step for path in files for step in path.relative_to(table).parts[:-1])).lower()
    names = ", ".join(_quoted(path) for path in files)
    return f"{kinds.pop()}([{names}], hive_partitioning={partitioned}, union_by_name=true)"


def _counts(path: Path) -> bool:
    """Returns False for hidden files, which Athena ignores."""
    return not path.name.startswith(("_", "."))


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start == _PARQUET:
        return "read_parquet"
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in {".gz", ".gzip"}]
    if (suffixes and suffixes[-1] in {".orc", ".avro", ".json", ".jsonl", ".ion"}) or start in {b"ORC\x01", b"Obj\x01"}:
        raise QueryFailed(f"the file {path.name} is neither CSV nor Parquet")
    if start[:2] == b"\x1f\x8b" and not path.name.endswith((".gz", ".gzip")):
        raise QueryFailed(f"the file {path.name} is compressed, and its name does not end with .gz")
    return "read_csv"


def _result(root: Path, query: dict[str, Any]) -> Path:
    """Returns the path of the result. Raises QueryFailed for an unsupported format."""
    form, compression = query["format"], query["compression"]
    if form not in _FORMATS:
        raise QueryFailed(f"the OutputFormat {form} is not supported, only {', '.join(_FORMATS)}")
    name, *compressions = _FORMATS[form]
    folder: Path = root / query["result"]
    folder.mkdir(parents=True, exist_ok=True)
    if compression and compression not in compressions:
        raise QueryFailed(f"the OutputFormat {form} is not supported with the OutputCompression {compression}")
    zipped = compression == "GZIP" or not compression
    return folder / f"part-00000.{name}{'.gz' if zipped and name != 'parquet' else ''}"


def _write(connection: Any, statement: str, query: dict[str, Any], result: Path) -> None:
    """Raises QueryFailed with DuckDB's reason."""
    import duckdb

    name, default = _FORMATS[query["format"]][:2]
    options = {"parquet": "FORMAT parquet", "json": "FORMAT json", "csv": "FORMAT csv, HEADER false"}[name]
    compression = (query["compression"] or default).lower()
    try:
        columns = connection.execute(f"DESCRIBE {statement}").fetchall()
        connection.execute(
            f"COPY ({_narrowed(statement, columns)}) TO {_quoted(result)} ({options}, COMPRESSION {_quoted(compression)})"
        )
    except duckdb.CatalogException as error:
        raise QueryFailed(
            f"{error}. Tables are the folders <database>/<table>/ below the setting athena_tables"
        ) from error


def _narrowed(statement: str, columns: list[tuple[Any, ...]]) -> str:
    """Returns the statement with sums of integers as bigint, like Athena's: DuckDB's are wider, for which Parquet has no type."""
    wide = [_named(column[0]) for column in columns if column[1] == "HUGEINT"]
    if not wide:
        return statement
    casts = ", ".join(f"CAST({name} AS BIGINT) AS {name}" for name in wide)
    return f"SELECT * REPLACE ({casts}) FROM ({statement})"  # noqa: S608 - quoted


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
