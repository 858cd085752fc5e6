"""Insights of the sample after a step: findings, each with steps that fix it, columns by their predictive power, a
quick model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from sagewright.model.documents import read_json
from sagewright.model.errors import ValidationException
from sagewright.studio import charts
from sagewright.studio.charts import Curve, shape
from sagewright.studio.jobview import Fact
from sagewright.studio.pages.wrangler.flowaddress import PATH
from sagewright.studio.visit import Done, Visit, form, page
from sagewright.studio.wrangling import edits, saved, stepnames
from sagewright.studio.wrangling.previewtables import PreviewFault, fault_of
from sagewright.wrangler.flows import PORT, TABLES, Flow, FlowEdge, Node, NodeType, new_id
from sagewright.wrangler.schema import catalogue

LOOKS = {"high_sev": "fail", "med_sev": "attn", "med_sev_feature": "attn"}
WORDS = {"high_sev": "High", "med_sev": "Medium", "med_sev_feature": "Medium", "low_sev": "Low"}
METRICS = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "r2": "R²"}
MOST_FIXES = 50
MOST_FINDINGS, MOST_COLUMNS = 200, 1000
"""Findings and columns that the page shows: the most severe, and those of most power."""
_TWIN = (0.05, 0.1, 0.2, 0.4)
"""Shares of false alarms in the table under the curve."""


@dataclass(frozen=True)
class FindingFix:
    label: str
    call: str
    """The step as JSON: operator and parameters."""
    safe: bool


@dataclass(frozen=True)
class FlowFinding:
    look: str
    severity: str
    title: str
    sentence: str
    fixes: tuple[FindingFix, ...]


@dataclass(frozen=True)
class InsightColumn:
    name: str
    type: str
    power: float | None
    missing: float
    distinct: int | None
    outliers: float | None
    shape: Markup = field(default=Markup(""), repr=False)


@dataclass(frozen=True)
class InsightsView:
    """`safe`: the steps of all fixes that lose nothing, as JSON; `choices`: columns that can be the target."""

    name: str
    tag: str
    base: str
    step: str
    step_name: str
    target: str
    choices: tuple[str, ...]
    facts: tuple[Fact, ...]
    findings: tuple[FlowFinding, ...]
    columns: tuple[InsightColumn, ...]
    metric: str
    importances: tuple[tuple[str, float], ...]
    curve: tuple[tuple[str, str], ...]
    confusion: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    unusual: tuple[tuple[str, ...], ...]
    unusual_head: tuple[str, ...]
    safe: tuple[str, ...]
    starting: str
    fault: PreviewFault | None
    drawing: Markup = field(default=Markup(""), repr=False)

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        head = ["Column", "Type", "Power", "Missing", "Distinct", "Outliers"]
        return head, [[one.name, one.type, one.power, one.missing, one.distinct, one.outliers] for one in self.columns]


@page("/wrangler/{name}/insights", "flowinsights.html", "wrangler", ("app",))
def flow_insights(visit: Visit) -> InsightsView:
    """Findings in the sample, columns by their power, and a quick model."""
    catalogue.load()
    found = saved.load(visit, visit.path["name"])
    step = _step(found.flow, visit.query.get("step", ""))
    target = visit.query.get("target", "")
    request = {
        "flow": found.flow.written(),
        "node_id": step.node_id,
        "output": visit.query.get("output", step.output_names[0]),
        "target": target,
    }
    answer = visit.client.wrangle("insights", request)
    report: Mapping[str, Any] = answer.get("insights") or {}
    model: Mapping[str, Any] = report.get("quick_model") or {}
    findings = tuple(_finding(one) for one in report.get("findings", ())[:MOST_FINDINGS])
    columns = sorted(report.get("columns", ()), key=lambda one: -(one.get("power") or 0))[:MOST_COLUMNS]
    head, unusual = _unusual(report.get("anomalous", ()))
    points = [(float(x), float(y)) for x, y in model.get("curve", ())]
    return InsightsView(
        found.name,
        found.tag,
        f"{PATH}/{found.name}",
        step.node_id,
        stepnames.step_name(step),
        target,
        tuple(answer.get("columns", ())),
        _facts(report, model, float(answer.get("seconds") or 0)),
        findings,
        tuple(map(_column, columns)),
        METRICS.get(model.get("metric", ""), ""),
        tuple((str(name), float(value)) for name, value in model.get("importances", ())[:12]),
        _twin(points),
        tuple(tuple(f"{count:,}" for count in row) for row in model.get("confusion", ())),
        tuple(str(one) for one in model.get("classes", ())),
        unusual,
        head,
        tuple(fix.call for one in findings for fix in one.fixes if fix.safe)[:MOST_FIXES],
        str(answer.get("starting") or ""),
        fault_of(answer),
        _roc(points),
    )


def _step(flow: Flow, asked: str) -> Node:
    """Returns the step in the URL, or the last one. Raises ValidationException for a flow without steps."""
    steps = [one for one in flow.ordered() if one.type in TABLES]
    if not steps:
        raise ValidationException("The flow has no steps yet.")
    return next((one for one in steps if one.node_id == asked), steps[-1])


def _finding(one: Mapping[str, Any]) -> FlowFinding:
    severity = str(one.get("severity", ""))
    fixes = tuple(
        FindingFix(fix["label"], json.dumps([fix["operator"], fix["parameters"]]), bool(fix.get("safe")))
        for fix in one.get("fixes", ())
    )
    return FlowFinding(LOOKS.get(severity, "idle"), WORDS.get(severity, "Low"), one["title"], one["sentence"], fixes)


def _column(one: Mapping[str, Any]) -> InsightColumn:
    counts = list(one.get("counts") or [count for _, count in one.get("top") or ()])
    return InsightColumn(
        one["name"],
        one["type"],
        one.get("power"),
        float(one.get("missing") or 0),
        one.get("distinct"),
        one.get("outliers"),
        shape(counts[:20]) if counts else Markup(""),
    )


def _unusual(found: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Returns the names of the first columns, and the rows that stand out: number, score, values."""
    if not found:
        return (), ()
    names = tuple(found[0].get("values", {}))[:4]
    rows = tuple(
        (f"{int(one['row']) + 1:,}", f"{float(one['score']):.2f}", *(_text(one["values"].get(name)) for name in names))
        for one in found[:10]
    )
    return ("Row", "Score", *names), rows


def _text(value: Any) -> str:
    return "–" if value is None else str(value)


def _facts(report: Mapping[str, Any], model: Mapping[str, Any], seconds: float) -> tuple[Fact, ...]:
    if not report:
        return ()
    facts = []
    if model:
        facts.append(
            Fact(f"Quick model, {METRICS.get(model['metric'], model['metric'])}", f"{model['score']:.3f}", answer=True)
        )
        if model.get("without") is not None:
            facts.append(Fact("Without what leaks", f"{model['without']:.3f}"))
    counted: dict[str, int] = {}
    for one in report.get("findings", ()):
        word = WORDS.get(one["severity"], "Low").lower()
        counted[word] = counted.get(word, 0) + 1
    facts.append(Fact("Findings", ", ".join(f"{count} {word}" for word, count in counted.items()) or "none"))
    double, summary = report.get("duplicates") or {}, report.get("summary") or {}
    facts.append(Fact("Duplicate rows", f"{double.get('rows', 0):,}, {double.get('share', 0):.2%}"))
    facts.append(Fact("Missing cells", f"{summary.get('missing', 0):.1%}"))
    facts.append(Fact("Rows", f"{summary.get('rows', 0):,}"))
    facts.append(Fact("Took", f"{seconds:.1f} s"))
    return tuple(facts)


def _twin(points: list[tuple[float, float]]) -> tuple[tuple[str, str], ...]:
    """Returns the shares found at some shares of false alarms."""
    if not points:
        return ()
    return tuple((f"{at:.0%}", f"{max((y for x, y in points if x <= at), default=0.0):.0%}") for at in _TWIN)


def _roc(points: list[tuple[float, float]]) -> Markup:
    if len(points) < 2:
        return Markup("")
    drawn = [
        Curve("chance", [0.0, 1.0], [0.0, 1.0], "k7 d3"),
        Curve("quick model", [x for x, _ in points], [y for _, y in points], "k1"),
    ]
    return charts.curves(drawn, "ROC of the quick model: true positive rate over false positive rate", axis="zero")


@form("/wrangler/{name}/fix")
def fix_findings(visit: Visit, fields: dict[str, str]) -> Done:
    """Adds the steps of one or several findings after a step."""
    catalogue.load()
    calls = [_call(value) for key, value in fields.items() if key == "fix" or key.startswith("fix:")]
    if not 0 < len(calls) <= MOST_FIXES:
        raise ValidationException(f"Between 1 and {MOST_FIXES} fixes can be added at once; {len(calls)} were chosen.")
    ids = [new_id() for _ in calls]

    def fixed(flow: Flow) -> Flow:
        edge = FlowEdge("df", fields.get("step", ""), fields.get("output") or PORT)
        for node_id, (operator, parameters) in zip(ids, calls, strict=True):
            flow = edits.insert(flow, Node(node_id, NodeType.TRANSFORM, operator, parameters, (edge,)))
            edge = FlowEdge("df", node_id)
        return flow

    name = visit.path["name"]
    saved.change(visit, name, fields.get("tag", ""), fixed)
    back = f"{PATH}/{quote(name)}/insights?step={ids[-1]}&target={quote(fields.get('target', ''))}"
    return Done(f"Added {len(calls)} {'step' if len(calls) == 1 else 'steps'}", back)


def _call(text: str) -> tuple[str, dict[str, Any]]:
    """Reads a step of a finding. Raises ValidationException."""
    try:
        operator, parameters = read_json(text)
    except (ValueError, TypeError):
        operator, parameters = None, None
    if not isinstance(operator, str) or not isinstance(parameters, dict) or catalogue.find(operator) is None:
        raise ValidationException("The form has no step.")
    return operator, parameters
