"""Data sets made by queries: checks that a query can run on this host, and finds the tables that it may read.

Athena's tables are folders of S3 below the setting `athena_tables`: `<database>/<table>/`. The query itself runs where the job
does, in its sandbox: see sagewright.toolkit.queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.channels import InputChannel
from sagewright.agent.inputs.sources import ObjectSource
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import parse_uri
from sagewright.model.jobs.brief import QUERY_FAILURE, QUERY_TABLES, DataSet, InputBrief, Query, QueryEngine

_LONGEST_FAILURE = 1024
_SHARE, _LEAST_MB = 0.6, 128
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r'(?:"[A-Za-z0-9_][A-Za-z0-9_.-]*"|[A-Za-z_][A-Za-z0-9_]*)'
_TABLES = re.compile(rf"(?:\bfrom\b|\bjoin\b|,)\s*({_NAME}(?:\s*\.\s*{_NAME}){{0,2}})", re.IGNORECASE)
"""Possible table names: a superset, since only the sandbox parses the query."""


def check_queries(host: HostFile, *, own_image: bool) -> None:
    """Raises ClientError for an unsupported query."""
    for query in host.brief.queries:
        reason = _refusal(host, query, own_image=own_image)
        if reason:
            raise ClientError(f"{query.title}: {reason}")


def _refusal(host: HostFile, query: Query, *, own_image: bool) -> str:
    if query.engine != QueryEngine.ATHENA:
        return (
            f"Sagewright has no Amazon Redshift, so the query of the cluster '{query.source}' cannot be run; put its result into "
            "S3 and name it in S3Input."
        )
    if query.mode != "File":
        return f"the result of a query is available only in File mode, not in {query.mode} mode."
    if own_image:
        return (
            "queries run on DuckDB in an environment that Sagewright builds, which a custom image does not have; put the "
            "result into S3 and name it in S3Input."
        )
    if not host.athena_tables:
        return (
            f"the tables of the database '{query.source}' are unknown, because Sagewright has no Glue Data Catalog: set the "
            "server's setting athena_tables to the S3 prefix below which they are, as <database>/<table>/."
        )
    return ""


def query_variables(host: HostFile) -> dict[str, str]:
    """Returns the memory limit of a query: the rest of the host's share is for the interpreter and the page cache."""
    if not host.brief.queries:
        return {}
    return {
        "SAGEWRIGHT_QUERY_MB": str(max(_LEAST_MB, int(host.memory_gb * 1024 * _SHARE))),
        "SAGEWRIGHT_QUERY_CPUS": str(host.cpus),
    }


def table_channels(host: HostFile, source: ObjectSource) -> Iterator[InputChannel]:
    """Yields the folders of S3 with the tables that the queries of this host may read. Raises S3Failed, ClientError."""
    if not host.brief.queries:
        return
    try:
        bucket, prefix = parse_uri(host.athena_tables)
    except ValueError as error:
        raise ClientError(f"The setting athena_tables: {error}.") from error
    found: set[tuple[str, str]] = set()
    for query in host.brief.queries:
        if not query.sharded or host.is_first:
            found.update(tables_of(query))
    taken = set()
    for database, table in sorted(found):
        place = f"{QUERY_TABLES}/{database.lower()}/{table.lower()}"
        folder = f"{prefix.rstrip('/')}/{database}/{table}/".lstrip("/")
        if place in taken or next(source.under(bucket, folder), None) is None:
            continue
        taken.add(place)
        title = f"The table {database}.{table}"
        one = InputBrief(title=title, place=place, data=DataSet(f"s3://{bucket}/{folder}"))
        yield InputChannel(one, DataSet(f"s3://{bucket}/{folder}"), 0, 1)


def tables_of(query: Query) -> set[tuple[str, str]]:
    """Returns database and table of all possible tables in the query, as written and in lower case."""
    found = set()
    for match in _TABLES.finditer(_COMMENTS.sub(" ", query.sql)):
        steps = [step.strip('"') for step in re.findall(_NAME, match[1])]
        database, table = (steps[-2] if len(steps) > 1 else query.source), steps[-1]
        if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", database):
            found |= {(database, table), (database.lower(), table.lower())}
    return found


def check_result(host: HostFile, ml: OptMl) -> None:
    """Raises ClientError with the reason that a query of a failed job has left."""
    if not host.brief.queries:
        return
    try:
        reason = ml.note(QUERY_FAILURE, _LONGEST_FAILURE)
    except UnicodeDecodeError:
        return
    if reason:
        raise ClientError(reason)
