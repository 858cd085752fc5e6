"""Graphs that runs logged: confusion matrices, ROC and precision-recall curves, each an artifact of lineage whose JSON is in S3."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.studio import charts, wording
from sagewright.studio.charts import Curve
from sagewright.studio.visit import Visit

MOST_GRAPHS, MOST_BYTES, MOST_CLASSES, MOST_POINTS = 12, 1024 * 1024, 40, 500
CURVES = {
    "ROCCurve": ("falsePositiveRate", "truePositiveRate", "areaUnderCurve", "area"),
    "PrecisionRecallCurve": ("recall", "precision", "averagePrecisionScore", "average precision"),
}
"""By type: the members with the horizontal and the vertical values and with the score, and the score's name."""
AXES = {"falsePositiveRate": "False positives", "truePositiveRate": "True positives"}
MATRIX = "ConfusionMatrix"
SHADES = 8


class BadGraph(Exception):
    """The object is not a graph that can be drawn; the message says why."""


@dataclass(frozen=True)
class RunGraph:
    """`kind`: the type of the artifact. `head`, `rows`: its values as a table; `shades`: of each cell of a confusion matrix, 0 to
    `SHADES`. `failed`: why it is not drawn."""

    title: str
    kind: str
    uri: str
    said: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    shades: tuple[tuple[int, ...], ...] = field(repr=False, default=())
    failed: str = ""
    drawing: Markup = field(repr=False, default=Markup(""))


def run_graphs(visit: Visit, component: str) -> tuple[RunGraph, ...]:
    """Returns the graphs of a trial component, by its ARN."""
    return tuple(_graph(visit, *one) for one in list(_artifacts(visit, component))[:MOST_GRAPHS])


def _artifacts(visit: Visit, component: str) -> Iterator[tuple[str, str, str]]:
    """Yields ARN, type and name of the artifacts that are graphs, outputs first."""
    for own, other in (("SourceArn", "Destination"), ("DestinationArn", "Source")):
        for kind in (*CURVES, MATRIX):
            request = {own: component, f"{other}Type": kind, "MaxResults": MOST_GRAPHS}
            try:
                found = visit.client.aside("sagemaker", "ListAssociations", **request)
            except AwsError:
                continue
            for one in found.get("AssociationSummaries", []):
                yield one[f"{other}Arn"], kind, one.get(f"{other}Name", kind)


def _graph(visit: Visit, arn: str, kind: str, name: str) -> RunGraph:
    uri = ""
    try:
        uri = visit.client.aside("sagemaker", "DescribeArtifact", ArtifactArn=arn)["Source"]["SourceUri"]
        document = _read(visit, uri)
        title = str(document.get("title") or name)[:200]
        return _matrix(title, uri, document) if kind == MATRIX else _curve(title, kind, uri, document)
    except AwsError as error:
        return RunGraph(name, kind, uri, failed=f"{error.code}: {error.message}")
    except BadGraph as error:
        return RunGraph(name, kind, uri, failed=str(error))


def _read(visit: Visit, uri: str) -> Mapping[str, Any]:
    """Reads the JSON of a graph. Raises AwsError and BadGraph."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        raise BadGraph("The artifact is not in S3.")
    span = f"bytes=0-{MOST_BYTES}"
    body: bytes = visit.client.aside("s3", "GetObject", Bucket=bucket, Key=key, Range=span)["Body"]
    if len(body) > MOST_BYTES:
        raise BadGraph(f"The object has more than {MOST_BYTES:,} bytes, so it is not drawn.")
    try:
        found = read_json(body)
    except ValueError:
        raise BadGraph("The object is not JSON.") from None
    if not isinstance(found, dict):
        raise BadGraph("The object is not a JSON object.")
    return found


def _curve(title: str, kind: str, uri: str, document: Mapping[str, Any]) -> RunGraph:
    across, up, score, word = CURVES[kind]
    xs, ys = _numbers(document, across), _numbers(document, up)
    if len(xs) != len(ys) or len(xs) < 2:
        raise BadGraph(f"'{across}' and '{up}' need the same number of values, 2 or more: {len(xs)} and {len(ys)}.")
    kept = _thinned(len(xs), MOST_POINTS)
    reference = [Curve("", [0.0, 1.0], [0.0, 1.0], "k7 hair d2")] if kind == "ROCCurve" else []
    if kind != "ROCCurve" and isinstance(document.get("noSkill"), int | float):
        skill = float(document["noSkill"])
        reference = [Curve("", [0.0, 1.0], [skill, skill], "k7 hair d2")]
    value = document.get(score)
    said = f"{word} {wording.number(value)}" if isinstance(value, int | float) else ""
    drawn = charts.curves(
        [*reference, Curve(title, [xs[at] for at in kept], [ys[at] for at in kept])], f"{title}: {up} by {across}", 176,
        axis="zero",
    )  # fmt: skip
    shown = _thinned(len(xs), 12)
    rows = tuple((wording.number(xs[at]), wording.number(ys[at])) for at in shown)
    return RunGraph(
        title,
        kind,
        uri,
        said,
        (AXES.get(across, across.capitalize()), AXES.get(up, up.capitalize())),
        rows,
        drawing=drawn,
    )


def _matrix(title: str, uri: str, document: Mapping[str, Any]) -> RunGraph:
    """Returns the matrix as a table: a row for each true class, a column for each predicted one."""
    found = document.get("confusionMatrix")
    if not isinstance(found, list) or not found:
        raise BadGraph("'confusionMatrix' is not a list of rows.")
    if len(found) > MOST_CLASSES:
        raise BadGraph(f"The matrix has {len(found):,} classes; up to {MOST_CLASSES} are shown.")
    rows = [_numbers({"confusionMatrix": row}, "confusionMatrix") for row in found]
    if any(len(row) != len(rows) for row in rows):
        raise BadGraph("The matrix is not square.")
    top = max(max(row) for row in rows)
    whole = sum(sum(row) for row in rows)
    right = sum(row[at] for at, row in enumerate(rows))
    shades = tuple(tuple(_shade(value, top) for value in row) for row in rows)
    return RunGraph(
        title, MATRIX, uri, f"{wording.number(right / whole)} on the diagonal" if whole > 0 else "",
        ("True", *(str(at) for at in range(len(rows)))),
        tuple((str(at), *(wording.number(value) for value in row)) for at, row in enumerate(rows)), shades,
    )  # fmt: skip


def _shade(value: float, top: float) -> int:
    return max(math.ceil(value / top * SHADES), 0) if top > 0 else 0


def _numbers(document: Mapping[str, Any], member: str) -> list[float]:
    """Returns a list of numbers of a size that charts can add up. Raises BadGraph."""
    found = document.get(member)
    if not isinstance(found, list) or not all(isinstance(one, int | float) and abs(one) < 1e15 for one in found):
        raise BadGraph(f"'{member}' is not a list of numbers.")
    return [float(one) for one in found]


def _thinned(count: int, most: int) -> Sequence[int]:
    """Returns the positions of `most` of `count` values, the first and the last among them."""
    if count <= most:
        return range(count)
    return [round(at * (count - 1) / (most - 1)) for at in range(most)]
