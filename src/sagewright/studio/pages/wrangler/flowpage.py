"""A flow: its steps, the sample after one of them, and the form of a step that isn't kept yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from sagewright.model.errors import ValidationException
from sagewright.studio.charts import rail, rail_steps
from sagewright.studio.jobview import Fact
from sagewright.studio.visit import Visit, page
from sagewright.studio.wrangling import edits, saved, stepforms, stepnames
from sagewright.studio.wrangling.lastruns import LastRun, last_run
from sagewright.studio.wrangling.previewtables import PreviewFault, PreviewTable, SampleColumn, fault_of, table_of
from sagewright.studio.wrangling.saved import SavedFlow
from sagewright.studio.wrangling.stepforms import ColumnRef, StepField
from sagewright.wrangler.flows import PORT, FlowEdge, Node, NodeType
from sagewright.wrangler.schema import catalogue
from sagewright.wrangler.schema.declaration import Operator, Parameter, Tool, member_of, values_of

PATH = "/studio/wrangler"
DRAFT = "draft"
LANGUAGES = (("polars", "polars"), ("pandas", "pandas"), ("pyspark", "PySpark"))


@dataclass(frozen=True)
class FlowStep:
    """`number`: of a transform; `delta`: what it brings or takes; `look`: fail or ""."""

    node_id: str
    number: int
    name: str
    about: str
    type: str
    delta: str
    link: str
    current: bool
    look: str
    rail: Markup


@dataclass(frozen=True)
class ToolTab:
    title: str
    sentence: str
    link: str
    current: bool


@dataclass(frozen=True)
class StepDraft:
    """The form of a step. `editing`: its id in the flow, "" for a new one; `others`: steps whose result can be its second input."""

    operator: str
    label: str
    sentence: str
    tools: tuple[ToolTab, ...]
    tool: str
    fields: tuple[StepField, ...]
    editing: str
    others: tuple[tuple[str, str], ...]
    other: str
    effect: str
    filled: bool
    faults: int


@dataclass(frozen=True)
class OperatorGroup:
    """`tools`: title, sentence and address of each."""

    name: str
    tools: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class FlowView:
    """`starting`: what the session waits for, "" while it answers."""

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
    return FlowReader(visit, saved.load(visit, visit.path["name"])).view()


class FlowReader:
    """Reads the page's address against a flow."""

    def __init__(self, visit: Visit, found: SavedFlow) -> None:
        self._visit, self._found, self._flow = visit, found, found.flow
        catalogue.load()
        self._ordered = found.flow.ordered()
        self._current = self._chosen()
        self._asked = dict(visit.every)

    def view(self) -> FlowView:
        draft_node, draft, faults = self._draft()
        answer = self._preview(draft_node)
        starting = str(answer.get("starting") or "")
        fault = fault_of(answer)
        table = table_of(answer, self._changed_first, self._asked.get("find", "")) if "columns" in answer else None
        columns = tuple(
            ColumnRef(one["name"], one["type"]) for one in answer.get("input_columns", answer.get("columns", ()))
        )
        step = self._current
        return FlowView(
            self._found.name,
            self._found.tag,
            self._found.changed,
            self._found.uri,
            self._steps(answer, fault),
            step.node_id if step else "",
            stepnames.step_name(step) if step else "",
            self._facts(answer, table),
            self._groups(),
            "choose" in self._asked or step is None,
            self._form(draft, columns, faults, answer if draft_node is not None else {}) if draft else None,
            table,
            fault,
            starting,
            self._changed_first,
            self._asked.get("find", ""),
            self._column(table),
            self._quick(table),
            self._parameters(),
            step is not None and catalogue.find(step.operator) is not None and step.type is NodeType.TRANSFORM,
            tuple(
                (label, answer.get("code", {}).get(key, ""))
                for key, label in LANGUAGES
                if answer.get("code", {}).get(key)
            ),
            tuple(str(one) for one in answer.get("notes", ())),
            saved.can_undo(self._visit, self._found.name),
            self._outputs(),
            f"{PATH}/{self._found.name}",
            last_run(self._visit, self._found.name),
        )

    @property
    def _changed_first(self) -> bool:
        return self._asked.get("columns", "changed") != "all"

    def _chosen(self) -> Node | None:
        """Returns the step in the address; otherwise the last one that others don't build on."""
        asked = self._visit.query.get("step")
        shown = [one for one in self._ordered if one.type in (NodeType.SOURCE, NodeType.TRANSFORM)]
        for one in self._ordered:
            if one.node_id == asked:
                return one
        return shown[-1] if shown else None

    def _port(self) -> str:
        names = self._current.output_names if self._current else ()
        asked = self._asked.get("output", "")
        return asked if asked in names else next(iter(names), PORT)

    def _base(self) -> FlowEdge | None:
        """Returns the result on which a draft works."""
        step = self._current
        if step is None:
            return None
        if "edit" in self._asked or step.type in (NodeType.VISUALIZATION, NodeType.DESTINATION):
            return step.inputs[0] if step.inputs else None
        return FlowEdge("df", step.node_id, self._port())

    # The draft

    def _draft(self) -> tuple[Node | None, tuple[Operator, Tool, dict[str, Any]] | None, dict[str, str]]:
        """Returns the node of a complete draft, what its form needs, and its faults."""
        step, editing = self._current, "edit" in self._asked
        declared = catalogue.find(self._asked.get("op", "") or (step.operator if editing and step else ""))
        base = self._base()
        if declared is None or base is None:
            return None, None, {}
        title = self._asked.get("tool", step.title if editing and step else "")
        tool = declared.tool(title) or declared.tools[0]
        if stepforms.is_default(self._asked):
            kept = values_of(step, declared) if editing and step and tool.title == step.title else {}
            return None, (declared, tool, kept), {}
        reading = stepforms.read(tool.fields, self._asked)
        values = (declared, tool, reading.parameters)
        if reading.faults:
            return None, values, reading.faults
        other = self._other(declared)
        if len(declared.inputs) > 1 and other is None:
            return None, values, {}
        node = draft_node(declared, tool, reading.parameters, (base, other), DRAFT)
        if editing and step:
            node = replace(node, node_id=step.node_id, others=step.others)
        return node, values, {}

    def _other(self, declared: Operator) -> FlowEdge | None:
        node_id, _, output = self._asked.get("with", "").partition(":")
        if len(declared.inputs) < 2 or not any(one.node_id == node_id for one in self._flow.nodes):
            return None
        return FlowEdge(declared.inputs[1], node_id, output or PORT)

    def _form(
        self,
        draft: tuple[Operator, Tool, dict[str, Any]],
        columns: tuple[ColumnRef, ...],
        faults: Mapping[str, str],
        answer: Mapping[str, Any],
    ) -> StepDraft:
        declared, tool, values = draft
        base, editing, step = self._base(), "edit" in self._asked, self._current
        after = {one.node_id for one in self._flow.downstream(step.node_id)} if editing and step else set()
        others = tuple(
            (f"{one.node_id}:{port}", f"{stepnames.step_name(one)}{f', {port}' if len(one.output_names) > 1 else ''}")
            for one in self._ordered
            if one.type in (NodeType.SOURCE, NodeType.TRANSFORM) and base and one.node_id not in {base.node_id, *after}
            for port in one.output_names
        )
        return StepDraft(
            declared.id,
            tool.title or declared.label,
            tool.sentence,
            tuple(
                ToolTab(
                    one.title,
                    one.sentence,
                    self._link(op=declared.id, tool=one.title, edit="1" if editing else None),
                    one is tool,
                )
                for one in declared.tools
                if len(declared.tools) > 1
            ),
            tool.title,
            stepforms.fields_of(tool.fields, values, columns, faults),
            step.node_id if editing and step else "",
            others if len(declared.inputs) > 1 else (),
            self._asked.get("with", ""),
            _effect(answer),
            not stepforms.is_default(self._asked),
            len(faults),
        )

    # The session

    def _preview(self, draft: Node | None) -> dict[str, Any]:
        base = self._base()
        if base is None or self._current is None:
            return {}
        flow = self._flow
        node_id, output = (base.node_id, base.output_name)
        if draft is not None:
            flow = edits.replaced(flow, draft) if draft.node_id != DRAFT else flow.with_node(draft)
            node_id, output = draft.node_id, next(iter(draft.output_names), PORT)
        elif self._current.type in (NodeType.SOURCE, NodeType.TRANSFORM) and "edit" not in self._asked:
            node_id, output = self._current.node_id, self._port()
        return self._visit.client.wrangle("preview", {"flow": flow.written(), "node_id": node_id, "output": output})

    # The rest of the page

    def _link(self, **given: str | None) -> str:
        """Returns an address of this page with the step and how columns are shown kept."""
        kept: dict[str, str | None] = {name: self._asked[name] for name in ("columns", "output") if name in self._asked}
        step: dict[str, str | None] = {"step": self._current.node_id} if self._current else {}
        every: dict[str, str | None] = {**step, **kept, **given}
        text = urlencode([(name, value) for name, value in every.items() if value is not None])
        return f"{PATH}/{self._found.name}?{text}" if text else f"{PATH}/{self._found.name}"

    def _steps(self, answer: Mapping[str, Any], fault: PreviewFault | None) -> tuple[FlowStep, ...]:
        numbers = {one.node_id: at for at, one in enumerate(self._ordered)}
        drawn = rail_steps([[numbers[edge.node_id] for edge in one.inputs] for one in self._ordered])
        outline = answer.get("outline") or {}
        found, number = [], 0
        for node, drawing in zip(self._ordered, drawn, strict=True):
            number += node.type is NodeType.TRANSFORM
            found.append(
                FlowStep(
                    node.node_id,
                    number if node.type is NodeType.TRANSFORM else 0,
                    stepnames.step_name(node),
                    stepnames.about(node),
                    str(node.type),
                    _delta(node, outline),
                    self._link(step=node.node_id, output=None),
                    self._current is not None and node.node_id == self._current.node_id,
                    "fail" if fault and fault.node_id == node.node_id else "",
                    rail(drawing),
                )
            )
        return tuple(found)

    def _facts(self, answer: Mapping[str, Any], table: PreviewTable | None) -> tuple[Fact, ...]:
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

    def _groups(self) -> tuple[OperatorGroup, ...]:
        if "choose" not in self._asked:
            return ()
        sought = self._asked.get("word", "").lower()
        groups: dict[str, list[tuple[str, str, str]]] = {}
        for one in catalogue.OPERATORS.values():
            for tool in one.tools if one.type is NodeType.TRANSFORM else ():
                title = tool.title or one.label
                if sought in f"{title} {tool.sentence} {one.label} {one.group}".lower():
                    link = self._link(op=one.id, tool=tool.title or None)
                    groups.setdefault(one.label if len(one.tools) > 1 else one.group, []).append(
                        (title, tool.sentence, link)
                    )
        return tuple(OperatorGroup(name, tuple(each)) for name, each in groups.items())

    def _column(self, table: PreviewTable | None) -> SampleColumn | None:
        asked = self._asked.get("column")
        return next((one for one in table.columns if one.name == asked), None) if table and asked else None

    def _quick(self, table: PreviewTable | None) -> tuple[tuple[str, str], ...]:
        """Returns steps that suit the column that is looked at, as links to their drafts."""
        one = self._column(table)
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
            (label, self._link(op=operator, tool=title))
            for label, operator, title in offers
            if catalogue.find(operator)
        )

    def _parameters(self) -> tuple[tuple[str, str], ...]:
        """Returns the settings of the current step as words."""
        step = self._current
        if step is None:
            return ()
        if step.type is NodeType.SOURCE:
            return (("Data", stepnames.source_uri(step)),) if stepnames.source_uri(step) else ()
        if step.type is NodeType.DESTINATION:
            return (("Output", stepnames.destination_uri(step)),)
        declared = catalogue.find(step.operator)
        tool = declared.tool(step.title) if declared else None
        if declared is None or tool is None:
            return (("Operator", step.operator),)
        return tuple(_settings(tool.fields, values_of(step, declared)))

    def _outputs(self) -> tuple[tuple[str, str, bool], ...]:
        names = self._current.output_names if self._current else ()
        if len(names) < 2:
            return ()
        return tuple((one, self._link(output=one), one == self._port()) for one in names)


def draft_node(
    declared: Operator,
    tool: Tool,
    parameters: dict[str, Any],
    edges: tuple[FlowEdge | None, FlowEdge | None],
    node_id: str,
) -> Node:
    """Returns the node of a form; a split's outputs are named by its parts. Raises ValidationException without a first input."""
    first, second = edges
    if first is None:
        raise ValidationException("A step needs a step before it.")
    ports = [replace(first, name=declared.inputs[0] if declared.inputs else first.name)]
    if second is not None and len(declared.inputs) > 1:
        ports.append(replace(second, name=declared.inputs[1]))
    node = stepforms.node_of(declared, tool, parameters, node_id, ports)
    named = [str(one.get("name") or "") for one in parameters.get("splits", []) if isinstance(one, dict)]
    return replace(node, outputs=tuple({"name": one} for one in named)) if named and all(named) else node


def _settings(fields: Sequence[Parameter], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields label and value of each setting, those of a chosen option after it."""
    for one in fields:
        if one.name in values:
            yield one.label or one.name.replace("_", " ").capitalize(), _word(values[one.name])
        for option in one.options:
            held = values.get(member_of(one, option))
            if option.value == values.get(one.name, one.default) and isinstance(held, Mapping):
                yield from _settings(option.fields, held)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_word(one) for one in value)
    if isinstance(value, dict):
        return " ".join(_word(one) for one in value.values())
    return "yes" if value is True else "no" if value is False else str(value)


def _delta(node: Node, outline: Mapping[str, Any]) -> str:
    own = outline.get(node.node_id)
    if not isinstance(own, dict):
        return ""
    if not node.inputs:
        return f"{own['columns']} cols"
    before = outline.get(node.inputs[0].node_id)
    if not isinstance(before, dict):
        return ""
    rows, columns = own["rows"] - before["rows"], own["columns"] - before["columns"]
    words = [f"{rows:+,} rows"] if rows else []
    words += [f"{columns:+d} cols"] if columns else []
    return " ".join(words).replace("-", "−")


def _effect(answer: Mapping[str, Any]) -> str:
    """Returns in words what a draft does to the sample."""
    if "columns" not in answer or answer.get("error"):
        return ""
    verbs = (("gone", "goes", "go"), ("new", "comes", "come"), ("changed", "changes", "change"))
    counted = [(len(answer.get(name) or ()), one, many) for name, one, many in verbs]
    parts = [f"1 column {one}" if count == 1 else f"{count} columns {many}" for count, one, many in counted if count]
    count, rows = int(answer["count"]), int(answer["count"]) - int(answer["before"])
    parts.append(f"{abs(rows):,} rows {'come' if rows > 0 else 'go'}" if rows else f"all {count:,} rows stay")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}. {float(answer['seconds']):.2f} s on the sample."
