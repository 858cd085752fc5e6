"""The reference page of Data Wrangler's operators, from their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Operator, Parameter, Tool, member_of

HEAD = """# Data Wrangler's operators

Each operator of a flow, its tools (the values of `operator`), and the parameters of each tool. [How to prepare
data](../how-to/prepare-data.md) shows how a flow runs.

Names marked [own] are this project's: AWS publishes no flow that has them. A tool's values are in the object
`<title>_parameters`, those of a choice in the object of the chosen option.
"""
KNOWN = {
    "infer_and_cast_type", "cast_single_data_type", "manage_columns", "handle_missing", "handle_outliers",
    "process_numeric", "encode_categorical", "manage_rows", "balance_data", "sampling", "split", "join_tables",
    "join_multi_keys", "concatenate_datasets", "format_string", "search_and_edit", "featurize_text",
    "featurize_date_time", "time_series", "custom_code", "custom_pandas", "custom_pyspark", "custom_formula",
    "s3_source", "athena_source", "redshift_source", "s3_destination", "describe", "histogram", "scatterplot",
    "quick_model", "feature_correlation", "bias_report", "data_insights_report", "identity",
}  # fmt: skip
"""Operators whose ids are in public flows or in programs that Data Wrangler exported."""


def wrangler_page() -> Iterator[str]:
    catalogue.load()
    yield HEAD
    groups = dict.fromkeys(one.group for one in catalogue.OPERATORS.values())
    for group in groups:
        yield f"## {group}\n"
        for one in catalogue.OPERATORS.values():
            if one.group == group:
                yield from _operator(one)


def _operator(one: Operator) -> Iterator[str]:
    plain = one.id.rpartition("_")[0].rpartition(".")[2]
    yield f"### {one.label}\n"
    yield f"`{one.id}`{'' if plain in KNOWN else ' [own]'}{'. Its values are fitted.' if one.fits else ''}\n"
    for tool in one.tools:
        yield from _tool(tool)


def _tool(tool: Tool) -> Iterator[str]:
    yield f"{f'**{tool.title}** (`{tool.member}`): ' if tool.title else ''}{tool.sentence}\n"
    if tool.memory:
        yield f"In memory: {tool.memory}.\n"
    rows = list(_rows(tool.fields, ""))
    if rows:
        yield "| parameter | kind | default | |"
        yield "| --- | --- | --- | --- |"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def _rows(fields: Iterable[Parameter], place: str) -> Iterator[tuple[str, str, str, str]]:
    for one in fields:
        default = "required" if one.required else "" if one.default in (None, "", []) else f"`{one.default}`"
        notes = [one.label, one.note]
        if one.options:
            notes.append("One of " + ", ".join(f"`{option.value}`" for option in one.options) + ".")
        text = ". ".join(note.rstrip(".") for note in notes if note)
        yield f"`{place}{one.name}`", str(one.kind), default.replace("|", "\\|"), text.replace("|", "\\|")
        for option in one.options:
            yield from _rows(option.fields, f"{member_of(one, option)}.")
        if one.fields:
            yield from _rows(one.fields, f"{one.name}[].")
