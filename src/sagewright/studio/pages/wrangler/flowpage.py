"""A flow: its steps, the sample after one of them, and the form of a step that isn't kept yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagewright.studio.jobview import Fact
from sagewright.studio.pages.wrangler.flowaddress import PATH, FlowAddress
from sagewright.studio.pages.wrangler.flowdrafts import DRAFT, StepDraft, form_of, read_draft
from sagewright.studio.pages.wrangler.flowsteps import FlowStep, OperatorGroup, groups_of, settings_of, steps_of
from sagewright.studio.visit import Visit, page
from sagewright.studio.wrangling import edits, saved, stepnames
from sagewright.studio.wrangling.lastruns import LastRun, last_run
from sagewright.studio.wrangling.previewtables import PreviewFault, PreviewTable, SampleColumn, fault_of, table_of
from sagewright.studio.wrangling.stepforms import ColumnRef
from sagewright.wrangler.flows import PORT, TABLES, Node, NodeType
from sagewright.wrangler.schema import catalogue

LANGUAGES = (("polars", "polars"), ("pandas", "pandas"), ("pyspark", "PySpark"))


@dataclass(frozen=True)
class FlowView:
    """`starting`: why the session isn't ready, "" if it is."""

    name: str
    tag: str
    changed: datetime
    uri: str
    steps: tuple[FlowStep, ...]
    step: str
    step_name: str
    facts: tuple[Fact, ...]
    groups: tuple[OperatorGroup, ...]
    choosing: bool
    draft: StepDraft | None
    table: PreviewTable | None
    fault: PreviewFault | None
    starting: str
    changed_first: bool
    find: str
    column: SampleColumn | None
    quick: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    editable: bool
    code: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    undo: bool
    outputs: tuple[tuple[str, str, bool], ...]
    base: str
    last: LastRun | None

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        """The rows of the sample that the page shows."""
        if self.table is None:
            return [], []
        return [one.name for one in self.table.columns], [list(row) for row in self.table.rows]


@page("/wrangler/{name}", "wrangler.html", "wrangler", ("app", "processing"))
def flow_page(visit: Visit) -> FlowView:
    """The sample after a step, kept or not yet, and all steps beside it."""
    catalogue.load()
    found = saved.load(visit, visit.path["name"])
    address = FlowAddress.read(visit, found)
    draft = read_draft(address)
    answer = _preview(visit, address, draft.node if draft else None)
    fault = fault_of(answer)
    find = address.asked.get("find", "")
    table = table_of(answer, address.changed_first, find) if "columns" in answer else None
    columns = tuple(
        ColumnRef(one["name"], one["type"]) for one in answer.get("input_columns", answer.get("columns", ()))
    )
    step, column = address.current, _column(address, table)
    code = answer.get("code", {})
    return FlowView(
        found.name,
        found.tag,
        found.changed,
        found.uri,
        steps_of(address, answer.get("outline") or {}, fault.node_id if fault else ""),
        step.node_id if step else "",
        stepnames.step_name(step) if step else "",
        _facts(answer, table),
        groups_of(address),
        "choose" in address.asked or step is None,
        form_of(draft, address, columns, answer) if draft else None,
        table,
        fault,
        str(answer.get("starting") or ""),
        address.changed_first,
        find,
        column,
        _quick(address, column),
        settings_of(step),
        step is not None and catalogue.find(step.operator) is not None and step.type is NodeType.TRANSFORM,
        tuple((label, code[key]) for key, label in LANGUAGES if code.get(key)),
        tuple(str(one) for one in answer.get("notes", ())),
        saved.can_undo(visit, found.name),
        _outputs(address),
        f"{PATH}/{found.name}",
        last_run(visit, found.name),
    )


def _preview(visit: Visit, address: FlowAddress, draft: Node | None) -> dict[str, Any]:
    """Returns the session's answer for the draft, or for the step that is looked at."""
    base, step = address.base, address.current
    if base is None or step is None:
        return {}
    flow = address.flow
    node_id, output = (base.node_id, base.output_name)
    if draft is not None:
        flow = edits.replaced(flow, draft) if draft.node_id != DRAFT else flow.with_node(draft)
        node_id, output = draft.node_id, next(iter(draft.output_names), PORT)
    elif step.type in TABLES and "edit" not in address.asked:
        node_id, output = step.node_id, address.port
    return visit.client.wrangle("preview", {"flow": flow.written(), "node_id": node_id, "output": output})


def _facts(answer: Mapping[str, Any], table: PreviewTable | None) -> tuple[Fact, ...]:
    if table is None:
        return ()
    now = len(answer["columns"]) + int(answer.get("more") or 0)
    before = len(answer.get("input_columns", ())) or now
    facts = [
        Fact(
            "Rows, sample",
            f"{table.count:,}" + (f" of {answer['whole']:,}" if answer.get("whole") else ""),
            answer=True,
        )
    ]
    facts.append(Fact("Columns", f"{before} → {now} by this step" if before != now else f"{now}"))
    if answer.get("sample"):
        facts.append(Fact("Sample", str(answer["sample"])))
    facts.append(Fact("Preview", f"{table.seconds:.2f} s"))
    return tuple(facts)


def _column(address: FlowAddress, table: PreviewTable | None) -> SampleColumn | None:
    asked = address.asked.get("column")
    return next((one for one in table.columns if one.name == asked), None) if table and asked else None


def _quick(address: FlowAddress, one: SampleColumn | None) -> tuple[tuple[str, str], ...]:
    """Returns steps that suit the column that is looked at, as links to their drafts."""
    if one is None:
        return ()
    offers: list[tuple[str, str, str]] = [("Drop it", "sagemaker.spark.manage_columns_0.1", "Drop column")]
    if one.missing:
        offers.insert(0, ("Impute…", "sagemaker.spark.handle_missing_0.1", "Impute"))
    if one.type == "string":
        offers.insert(0, ("One-hot encode…", "sagemaker.spark.encode_categorical_0.1", "One-hot encode"))
    elif one.type in ("long", "float"):
        offers.insert(0, ("Scale…", "sagemaker.spark.process_numeric_0.1", "Scale values"))
    return tuple(
        (label, address.link(op=operator, tool=title)) for label, operator, title in offers if catalogue.find(operator)
    )


def _outputs(address: FlowAddress) -> tuple[tuple[str, str, bool], ...]:
    names = address.current.output_names if address.current else ()
    if len(names) < 2:
        return ()
    return tuple((one, address.link(output=one), one == address.port) for one in names)
