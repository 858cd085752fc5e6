"""Search by the index: on both databases it finds, in order, what looking at every document finds."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, insert

from sagewright.model.errors import ValidationException
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.model.row_tokens import row_token
from sagewright.model.settings import Settings
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.sagemaker.jobs.training_jobs import job_arn, scope_of
from sagewright.services.sagemaker.jobs.training_shapes import descriptions
from sagewright.services.sagemaker.search import indexing
from sagewright.services.sagemaker.search import search as search_module
from sagewright.services.sagemaker.search.search import count_matches, search
from sagewright.store.database import Database
from sagewright.store.jobs import jobs, warmpools
from sagewright.store.jobs.jobs import Event, Job, JobDraft
from sagewright.store.jobs.warmpools import PoolStatus, WarmPool
from sagewright.store.migrate import MIGRATIONS
from sagewright.store.resources import properties, property_queries, tags
from sagewright.store.schema.jobs import jobs as jobs_table

Document = dict[str, Any]
S = SecondaryStatus
WORDS = ["churn", "Ünï", "a_b%", "job-1", "TRUE", "0.2", "0.20", "7", "-3", "1e3", "nan", "inf", "x" * 1100, "q"]
PATHS = [
    "TrainingJobName", "TrainingJobStatus", "SecondaryStatus", "CreationTime", "LastModifiedTime", "TrainingEndTime",
    "HyperParameters.eta", "HyperParameters.a.b", "HyperParameters.a", "HyperParameters", "Environment.MODE", "Tags.team",
    "Tags.team.x", "Tags", "Metrics.auc", "Metrics.none", "EnableNetworkIsolation", "InputDataConfig.ChannelName",
    "InputDataConfig",
    "InputDataConfig.DataSource.S3DataSource.S3Uri", "ResourceConfig.InstanceCount", "ResourceConfig", "FailureReason",
    "FinalMetricDataList.MetricName", "SecondaryStatusTransitions.Status", "DebugHookConfig.S3OutputPath",
]  # fmt: skip
OPERATORS = [
    "Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo", "Contains", "Exists",
    "NotExists", "In",
]  # fmt: skip
TIMES = {"CreationTime", "LastModifiedTime", "TrainingEndTime"}


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    engine = cast("Any", None)
    platform = Platform(Settings(data=tmp_path / "data"), database, engine, engine)
    return Context("", "000000000000", "us-east-1", ANONYMOUS, platform)


def make(context: Context, name: str, **changes: Any) -> Job:
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "own:latest", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/r",
        "OutputDataConfig": {"S3OutputPath": "s3://out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    }
    return jobs.create(context.store, scope_of(context), JobDraft(name, request | changes, "Starting"))


def make_any(context: Context, rng: random.Random, number: int) -> None:
    """A job of random properties, in a random status."""
    changes: dict[str, Any] = {"EnableNetworkIsolation": rng.random() < 0.5}
    if rng.random() < 0.8:
        names = rng.sample(["eta", "a.b", "a", "deep"], rng.randint(0, 4))
        changes["HyperParameters"] = {name: rng.choice(WORDS) for name in names}
    if rng.random() < 0.4:
        changes["Environment"] = {"MODE": rng.choice(WORDS)}
    changes["InputDataConfig"] = [
        {"ChannelName": channel, "DataSource": {"S3DataSource": {"S3Uri": f"s3://{rng.choice(WORDS)[:20]}"}}}
        for channel in rng.sample(["train", "test", "7"], rng.randint(0, 3))
    ]  # fmt: skip
    changes["ResourceConfig"] = {"InstanceType": "ml.m5.large", "InstanceCount": rng.randint(1, 3), "VolumeSizeInGB": 1}
    name = f"{rng.choice(['Churn', 'job', 'x'])}-{rng.randint(0, 99)}-{number}"
    job = make(context, name, **changes)
    for key in rng.sample(["team", "team.x", "owner"], rng.randint(0, 3)):
        tags.add(context.store, job_arn(context, name), {key: rng.choice(["ml", "ops", "7"])})
    for metric in rng.sample(["auc", "loss"], rng.randint(0, 2)):
        with context.store.write() as connection:
            jobs.put_metric(connection, job.id, metric, rng.choice([0.2, 0.9, -1.5, 7.0]), 1_000)
    for event in [Event(S.RUNNING, started=True), Event(S.FAILED, "m", "AlgorithmError: Q", ended=True)][
        : rng.randint(0, 2)
    ]:
        jobs.move(context.store, job.id, event)


# What is due is found here without the index and without its keys: as a person would look a document through.


def values(document: Any, path: str) -> list[Any]:
    head, _, rest = path.partition(".")
    if rest and head == "Metrics":
        return [one["Value"] for one in document.get("FinalMetricDataList", []) if one["MetricName"] == rest]
    if rest and head == "Tags":
        return [one["Value"] for one in document.get("Tags", []) if one["Key"] == rest]
    if isinstance(document, list):
        return [found for one in document for found in values(one, path)]
    if not path:
        return [document]
    if not isinstance(document, dict):
        return []
    if path in document:
        inner = document[path]
        return inner if isinstance(inner, list) else [inner]
    return values(document[head], rest) if head in document else []


def rank(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (3, str(value).lower())
    if isinstance(value, datetime):
        return (2, value)
    try:
        number = float(value)
    except ValueError:
        return (1, value)
    return (1, value) if math.isnan(number) else (0, number)


def compare(value: Any, text: str, test: Callable[[Any, Any], bool], equality: bool) -> bool:
    if isinstance(value, bool):
        return equality and str(value).lower() == text.lower()
    if isinstance(value, datetime):
        return test(value, datetime.fromisoformat(text))
    return test(rank(value), rank(text))


def satisfied(one: dict[str, Any], document: Document) -> bool:
    operator, text = one["Operator"], one.get("Value", "")
    found = values(document, one["Name"])
    if operator in {"Exists", "NotExists"}:
        return bool([value for value in found if value not in ({}, [])]) == (operator == "Exists")
    found = [value for value in found if not isinstance(value, (dict, list))]
    if operator == "NotEquals":
        return not any(compare(value, text, lambda a, b: a == b, True) for value in found)
    if operator == "Contains":
        shown = [v.isoformat() if isinstance(v, datetime) else str(v) for v in found]
        return any(text.lower() in value[:1025].lower() for value in shown)
    if operator == "In":
        return any(compare(v, t.strip(), lambda a, b: a == b, True) for v in found for t in text.split(","))
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "Equals": lambda a, b: a == b,
        "GreaterThan": lambda a, b: a > b,
        "GreaterThanOrEqualTo": lambda a, b: a >= b,
        "LessThan": lambda a, b: a < b,
        "LessThanOrEqualTo": lambda a, b: a <= b,
    }
    return any(compare(value, text, tests[operator], operator == "Equals") for value in found)


def due(expression: dict[str, Any], document: Document) -> bool:
    parts = [satisfied(one, document) for one in expression.get("Filters", [])]
    for nested in expression.get("NestedFilters", []):
        prefix = nested["NestedPropertyName"]
        inner = [{**one, "Name": one["Name"].removeprefix(f"{prefix}.")} for one in nested["Filters"]]
        found = values(document, prefix)
        parts.append(
            any(all(satisfied(one, element) for one in inner) for element in found if isinstance(element, dict))
        )
    parts += [due(one, document) for one in expression.get("SubExpressions", [])]
    return any(parts) if expression.get("Operator") == "Or" and parts else all(parts)


def in_order(documents: list[Document], path: str, descending: bool) -> list[Document]:
    """Those with a value by their first, then those without; those that are equal in the order in which they were made."""

    def place(numbered: tuple[int, Document]) -> tuple[Any, ...]:
        number, document = numbered
        value = next(v for v in values(document, path) if not isinstance(v, (dict, list)))
        return rank(value), str(value) if rank(value)[0] == 0 else "", number

    numbered = list(enumerate(documents))
    having = [one for one in numbered if any(not isinstance(v, (dict, list)) for v in values(one[1], path))]
    lacking = [one for one in numbered if one not in having]
    having.sort(key=place, reverse=descending)
    return [document for _, document in having + (lacking[::-1] if descending else lacking)]


def any_filter(rng: random.Random, documents: list[Document], path: str) -> dict[str, Any]:
    operator = rng.choice(OPERATORS)
    one = {"Name": path, "Operator": operator}
    if operator in {"Exists", "NotExists"}:
        return one
    if path in TIMES and operator != "Contains":
        return one | {"Value": (datetime.now(tz=UTC) + timedelta(milliseconds=rng.randint(-2000, 500))).isoformat()}
    own = [str(v)[:1000] for v in values(rng.choice(documents), path) if not isinstance(v, (dict, list))]
    text = rng.choice([*own, *own, *(word[:1000] for word in WORDS)])
    if operator == "Contains" and len(text) > 1:
        text = text[rng.randint(0, 1) : rng.randint(2, 6)] or text
    return one | {"Value": text}


def any_expression(rng: random.Random, documents: list[Document], depth: int = 2) -> dict[str, Any]:
    expression: dict[str, Any] = {}
    if rng.random() < 0.9:
        expression["Filters"] = [any_filter(rng, documents, rng.choice(PATHS)) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:
        filters = [
            any_filter(
                rng, documents, f"InputDataConfig.{rng.choice(['ChannelName', 'DataSource.S3DataSource.S3Uri'])}"
            )
            for _ in range(rng.randint(1, 2))
        ]
        expression["NestedFilters"] = [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]
    if depth and rng.random() < 0.4:
        expression["SubExpressions"] = [any_expression(rng, documents, depth - 1) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.6:
        expression["Operator"] = rng.choice(["And", "Or"])
    return expression


def every_page(context: Context, request: dict[str, Any]) -> list[str]:
    """The names, compared with the number that each page returns."""
    found: list[str] = []
    totals: list[dict[str, Any]] = []
    while True:
        answer = search(context, request)
        totals.append(answer["TotalHits"])
        assert len(answer["Results"]) <= request["MaxResults"]
        found += [one["TrainingJob"]["TrainingJobName"] for one in answer["Results"]]
        if "NextToken" not in answer:
            assert all(total["Value"] <= len(found) for total in totals)
            exact = [total["Value"] for total in totals if total["Relation"] == "EqualTo"]
            assert set(exact) <= {len(found)}
            assert len(exact) == len(totals) or "NestedFilters" in str(request)
            return found
        request = {**request, "NextToken": answer["NextToken"]}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("few", [3, 2000])
def test_the_index_finds_what_looking_at_every_document_finds(
    context: Context, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(property_queries, "FEW", few)  # both ways to a page
    rng, others = random.Random(few), random.Random(few)
    for number in range(60):
        make_any(context, rng, number)
    indexing.keep_up(context.platform)
    rows = [jobs.find(context.store, scope_of(context), name) for name in _names(context)]
    documents = descriptions(context, [row for row in rows if row])
    found_some = counted = 0
    for _ in range(60):
        expression, path, descending = any_expression(rng, documents), rng.choice(PATHS), rng.random() < 0.5
        order = {"SortBy": path, "SortOrder": "Descending" if descending else "Ascending"}
        request = {
            "Resource": "TrainingJob",
            "SearchExpression": expression,
            "MaxResults": rng.choice([7, 100]),
            **order,
        }
        matching = [document for document in documents if due(expression, document)]
        wanted = [document["TrainingJobName"] for document in in_order(matching, path, descending)]
        assert every_page(context, request) == wanted, request
        found_some += 0 < len(wanted) < len(documents)
        if "NestedFilters" not in str(expression):  # the index numbers rows, and does not tell elements apart
            rows_before = others.randint(0, len(wanted) + 2)
            page = search(context, {**request, "MaxResults": 5, "NextToken": row_token(rows_before)})["Results"]
            shown = [one["TrainingJob"]["TrainingJobName"] for one in page]
            assert shown == wanted[rows_before : rows_before + 5], (request, rows_before)
            count = count_matches(context, "TrainingJob", expression)
            assert count in {None, len(wanted)}, request
            counted += count is not None
    assert found_some > 12
    assert counted > 5


def upgrade_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine = create_engine(url)
    command.upgrade(config, revision)
    engine.dispose()


def _names(context: Context) -> list[str]:
    """In the order of creation."""
    answer = search(
        context, {"Resource": "TrainingJob", "SortBy": "AutoMLJobArn", "SortOrder": "Ascending", "MaxResults": 100}
    )
    return [one["TrainingJob"]["TrainingJobName"] for one in answer["Results"]]


def names(context: Context, name: str, operator: str, value: str) -> list[str]:
    expression = {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}
    request = {"Resource": "TrainingJob", "SearchExpression": expression, "SortBy": "TrainingJobName"}
    return [one["TrainingJob"]["TrainingJobName"] for one in search(context, request)["Results"]]


def put_metric(context: Context, job: Job) -> None:
    with context.store.write() as connection:
        jobs.put_metric(connection, job.id, "auc", 0.75, 1)


CHANGES: dict[str, tuple[Callable[[Context, Job], object], tuple[str, str, str]]] = {
    "a tag": (lambda c, j: tags.add(c.store, job_arn(c, j.name), {"k": "new"}), ("Tags.k", "Equals", "new")),
    "a tag replaced": (lambda c, j: tags.add(c.store, job_arn(c, j.name), {"old": "2"}), ("Tags.old", "Equals", "2")),
    "no tag": (lambda c, j: tags.remove(c.store, job_arn(c, j.name)), ("Tags.old", "NotEquals", "1")),
    "a metric": (put_metric, ("Metrics.auc", "GreaterThan", "0.7")),
    "a status": (
        lambda c, j: jobs.move(c.store, j.id, Event(S.FAILED, "m", "why", ended=True)),
        ("FailureReason", "Contains", "WHY"),
    ),
    "a request": (
        lambda c, j: jobs.change_request(c.store, j.id, {**j.request, "Environment": {"E": "new"}}),
        ("Environment.E", "Equals", "new"),
    ),
    "a warm pool": (
        lambda c, j: warmpools.open_new(c.store, WarmPool(j.id, j.id, 5, "shape", PoolStatus.IN_USE)),
        ("WarmPoolStatus.Status", "Equals", "InUse"),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_is_found(context: Context, what: str) -> None:
    change, found_by = CHANGES[what]
    for name in ("one", "other"):
        tags.add(context.store, job_arn(context, name), {"old": "1"})
        make(context, name)
    assert names(context, *found_by) == []
    job = jobs.find(context.store, scope_of(context), "one")
    assert job
    change(context, job)
    assert names(context, *found_by) == ["one"]


def test_a_deleted_job_leaves_nothing(context: Context) -> None:
    job = make(context, "gone", HyperParameters={"a": "1"})
    make(context, "kept", HyperParameters={"a": "1"})
    assert names(context, "HyperParameters.a", "Equals", "1") == ["kept", "gone"]
    jobs.remove(context.store, job.id)
    assert names(context, "HyperParameters.a", "Equals", "1") == ["kept"]
    assert names(context, "TrainingJobName", "Contains", "gone") == []
    again = make(context, "gone")
    assert again.id != job.id
    assert names(context, "TrainingJobName", "Contains", "GON") == ["gone"]


def test_what_is_not_yet_taken_in_is_not_told_wrongly(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make(context, "one")
    assert names(context, "TrainingJobStatus", "Equals", "InProgress") == ["one"]
    monkeypatch.setattr("sagewright.services.sagemaker.search.search.AT_ONCE", 0)
    jobs.move(context.store, job.id, Event(S.FAILED, ended=True))
    assert names(context, "TrainingJobStatus", "Equals", "InProgress") == []


def test_a_failure_between_leaves_the_queue(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    make(context, "one")
    before = properties.waiting(context.store, 10)
    monkeypatch.setattr(properties, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        indexing.take_in(context.platform, 10)
    assert properties.waiting(context.store, 10) == before != []
    monkeypatch.undo()
    assert indexing.keep_up(context.platform) == len(before)
    assert properties.waiting(context.store, 10) == []
    assert names(context, "TrainingJobName", "Equals", "one") == ["one"]


def test_one_that_cannot_be_described_does_not_hold_up_the_others(context: Context) -> None:
    make(context, "first")
    make(context, "broken", ResourceConfig=None, OutputDataConfig=None)
    make(context, "last")
    assert indexing.keep_up(context.platform) == 3
    assert names(context, "TrainingJobStatus", "Equals", "InProgress") == ["last", "first"]


def test_two_at_once_do_not_overwrite_the_newer(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has read a job before it changed must not write after one that has read it since."""
    job = make(context, "one")
    project = properties.project
    read, moved = threading.Event(), threading.Event()

    def late(*arguments: Any) -> None:
        if threading.current_thread().name == "early":
            read.set()
            moved.wait(10)
        project(*arguments)

    monkeypatch.setattr(properties, "project", late)
    early = threading.Thread(target=indexing.take_in, args=(context.platform, 10), name="early")
    early.start()
    assert read.wait(10)
    jobs.move(context.store, job.id, Event(S.FAILED, ended=True))
    threading.Timer(0.2, moved.set).start()
    indexing.keep_up(context.platform)
    early.join()
    assert names(context, "TrainingJobStatus", "Equals", "Failed") == ["one"]


UNTOLD = ({"Name": "CreationTime", "Operator": "LessThan", "Value": "yesterday"}, {"Name": "x", "Operator": "Equals"})


@pytest.mark.parametrize("bad", UNTOLD)
def test_filters_that_cannot_be_told_are_refused(context: Context, bad: dict[str, str]) -> None:
    make(context, "one")
    with pytest.raises(ValidationException):
        search(context, {"Resource": "TrainingJob", "SearchExpression": {"Filters": [bad]}})


def test_other_resources_are_refused_by_name(context: Context) -> None:
    with pytest.raises(ValidationException, match=r"FeatureGroup.*TrainingJob"):
        search(context, {"Resource": "FeatureGroup"})


def test_accounts_and_regions_do_not_see_each_other(context: Context) -> None:
    make(context, "one")
    elsewhere = replace(context, region="eu-west-1")
    make(elsewhere, "two")
    assert names(context, "TrainingJobStatus", "Equals", "InProgress") == ["one"]
    assert names(elsewhere, "TrainingJobName", "Contains", "o") == ["two"]


@pytest.mark.parametrize("revision", ["0001", "0005", "0008"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_jobs_of_an_earlier_version_are_found(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, revision: str
) -> None:
    url = f"sqlite:///{tmp_path / 's'}" if kind == "sqlite" else request.getfixturevalue("postgres").new_database()
    upgrade_to(url, revision)
    engine = create_engine(url)
    old = {
        "id": "i", "kind": "training", "account": "000000000000", "region": "us-east-1", "name": "old", "created_ms": 1,
        "desired": "run", "status": "Completed", "secondary_status": "Completed", "modified_ms": 2,
        "request": {"OutputDataConfig": {"S3OutputPath": "s3://b"}, "AlgorithmSpecification": {}, "ResourceConfig": {},
                    "HyperParameters": {"eta": "0.5"}},
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(jobs_table), old)
    engine.dispose()
    store = Database(url)
    nothing = cast("Any", None)
    context = Context(
        "", "000000000000", "us-east-1", ANONYMOUS, Platform(Settings(data=tmp_path), store, nothing, nothing)
    )
    indexing.keep_up(context.platform)
    assert names(context, "HyperParameters.eta", "Equals", "0.50") == ["old"]
    store.close()


@pytest.mark.parametrize(("others_s", "longer"), [(0.0, False), (0.9, True)])
def test_indexing_yields_to_requests(monkeypatch: pytest.MonkeyPatch, others_s: float, longer: bool) -> None:
    """While other threads take most of a CPU it pauses for nine times as long as it worked."""
    times = iter([(0.0, 0.0, 0.0), (1.0, 0.1, 0.1 + others_s)])
    monkeypatch.setattr(indexing.Load, "_now", staticmethod(lambda: next(times)))
    assert indexing.Load().pause_s() == pytest.approx(0.9 if longer else indexing.PAUSE_S)


def test_hits_are_counted_up_to_a_number(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        make(context, f"job-{number}")
    indexing.keep_up(context.platform)
    requested = {"Resource": "TrainingJob", "MaxResults": 1}
    monkeypatch.setattr(search_module, "MOST_COUNTED", 5)
    assert search(context, requested)["TotalHits"] == {"Value": 5, "Relation": "EqualTo"}
    monkeypatch.setattr(search_module, "MOST_COUNTED", 4)
    assert search(context, requested)["TotalHits"] == {"Value": 4, "Relation": "GreaterThanOrEqualTo"}


@pytest.mark.parametrize("name", ["NoSuchProperty", "hyperParameters.eta", "NoSuch.Thing"])
def test_a_name_that_no_resource_has_is_refused(context: Context, name: str) -> None:
    make(context, "job")
    one = {"Name": name, "Operator": "Exists"}
    for request in ({"SearchExpression": {"Filters": [one]}}, {"SortBy": name}):
        with pytest.raises(ValidationException, match=f"Unknown property name: {name}"):
            search(context, {"Resource": "TrainingJob", **request})
