"""A repeated request is decided once, as long as nothing that its decision depends on changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.teams import ACCOUNT, allow, deny, document

from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.services import registry
from sagewright.services.access import authorizer, rights
from sagewright.services.access.kinds import USER, scope_of
from sagewright.services.context import Context, Platform, Principal, RequestOrigin
from sagewright.services.sagemaker.registry.model_package_groups import GROUPS, POLICY
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.memory import IDENTITIES
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

REGION = "us-east-1"
JOB = {"TrainingJobName": "job"}
GROUP = {"ModelPackageGroupName": "group"}
Ask = Callable[..., bool]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "FRESH_S", 0.0)  # on PostgreSQL, policies are read again after that time
    registry.load()


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The actions that were decided by evaluating policies."""
    made: list[str] = []
    decision = authorizer.decision

    def counted(context: Context, action: str, *rest: Any) -> Any:
        made.append(action)
        return decision(context, action, *rest)

    monkeypatch.setattr(authorizer, "decision", counted)
    return made


def user(store: Database, *statements: dict[str, Any]) -> None:
    inline = {"own": document(*statements)}
    own = {"Id": "AIDA", "Path": "/", "Attached": [], "Inline": inline, "Groups": []}
    found = resources.find(store, scope_of(USER, ACCOUNT), "ann")
    if found is None:
        resources.create(store, scope_of(USER, ACCOUNT), New("ann", own, "", {}))
    else:
        assert resources.alter(store, found.id, lambda now: replace(now, document=own)) is not None


def context_of(store: Database, address: str = "127.0.0.1") -> Context:
    nothing = cast("Any", None)
    platform = Platform(Settings(data=Path("unused")), store, nothing, nothing)
    ann = Principal(f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA")
    return Context("", ACCOUNT, REGION, ann, platform, origin=RequestOrigin(address))


def may(context: Context, operation: str, request: dict[str, Any]) -> bool:
    try:
        authorizer.authorize(context, "sagemaker", operation, request)
    except AwsError:
        return False
    return True


def test_the_same_question_is_decided_once(database: Database, decided: list[str]) -> None:
    if not database.embedded:
        pytest.skip("rights are read again there, here at once")
    user(database, allow("sagemaker:Describe*", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/job"))
    context = context_of(database)
    assert [may(context, "DescribeTrainingJob", JOB) for _ in range(3)] == [True] * 3
    assert decided == ["sagemaker:DescribeTrainingJob"]
    assert not may(context, "DescribeTrainingJob", {"TrainingJobName": "other"})
    assert not may(context, "StopTrainingJob", JOB)
    assert not may(replace(context, region="eu-west-1"), "DescribeTrainingJob", JOB)
    assert not may(replace(context, principal=Principal("arn:aws:iam::1:user/ann", "X")), "DescribeTrainingJob", JOB)


def test_a_changed_policy_counts_at_once(database: Database) -> None:
    context = context_of(database)
    for _ in range(2):
        user(database, allow("sagemaker:*"))
        assert [may(context, "DescribeTrainingJob", JOB) for _ in range(2)] == [True] * 2
        user(database, allow("sagemaker:*"), deny("sagemaker:Describe*"))
        assert not may(context, "DescribeTrainingJob", JOB)


def test_a_condition_is_asked_each_time(database: Database) -> None:
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    user(database, allow("sagemaker:*", Condition=inside))
    for _ in range(2):
        assert may(context_of(database, "10.1.2.3"), "DescribeTrainingJob", JOB)
        assert not may(context_of(database, "192.0.2.1"), "DescribeTrainingJob", JOB)
    user(database, allow("sagemaker:*"), deny("sagemaker:*", Condition={"NotIpAddress": inside["IpAddress"]}))
    for _ in range(2):
        assert may(context_of(database, "10.1.2.3"), "DescribeTrainingJob", JOB)
        assert not may(context_of(database, "192.0.2.1"), "DescribeTrainingJob", JOB)


def test_a_policy_of_the_resource_is_asked_each_time(database: Database) -> None:
    user(database, allow("sagemaker:*"))
    scope = ResourceScope(GROUPS.kind, ACCOUNT, REGION)
    group = resources.create(database, scope, New("group", {}, "", {}))
    context = context_of(database)
    assert [may(context, "DescribeModelPackageGroup", GROUP) for _ in range(2)] == [True] * 2
    closed = document({**deny("sagemaker:*"), "Principal": "*"})
    assert resources.alter(database, group.id, lambda now: replace(now, document={POLICY: closed})) is not None
    assert not may(context, "DescribeModelPackageGroup", GROUP)


def test_a_session_is_asked_each_time(database: Database) -> None:
    user(database, allow("sagemaker:*"))
    context = context_of(database)
    assert [may(context, "DescribeTrainingJob", JOB) for _ in range(2)] == [True] * 2
    limited = '{"Policies": [], "PolicyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]}'
    session = replace(context, principal=replace(context.principal, session=limited))
    assert not may(session, "DescribeTrainingJob", JOB)
    assert may(context, "DescribeTrainingJob", JOB)


def test_what_is_kept_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if not database.embedded:
        pytest.skip("rights are read again there, here at once")
    monkeypatch.setattr(rights, "MOST_ALLOWED", 8)
    user(database, allow("sagemaker:*"))
    context = context_of(database)
    for number in range(30):
        assert may(context, "DescribeTrainingJob", {"TrainingJobName": f"job-{number}"})
    own = database.memory.kept(IDENTITIES, (ACCOUNT, context.principal.arn, False))
    assert 0 < len(own.allowed) <= 8
