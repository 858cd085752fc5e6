"""Deploy targets: the version that was approved last is served, whatever dies on the way, and is asked for once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from engine.dependencies import dependencies
from engine.hosting import Hosting, Nothing, Outpaced
from sagewright.engine.calls import Call, OperationRequest
from sagewright.engine.events.delivery import DeliveryReconciler
from sagewright.engine.events.deployments import DeploymentReconciler
from sagewright.engine.events.router import EventRouter
from sagewright.engine.events.rules import enabled
from sagewright.model.errors import ServiceUnavailable
from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore
from sagewright.services import registry
from sagewright.services.context import Platform
from sagewright.store.database import Database
from sagewright.store.messages import deployments
from sagewright.store.messages.deployments import DeploymentState
from sagewright.wire.calls import Calls

USER = "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/admin"
ARN = "arn:aws:sagemaker:us-east-1:000000000000"
IMAGE = "own:latest"
GROUP, ENDPOINT = "churn", "serving"


class Quiet:
    """An engine that needs no wakes: the test looks at all that is active."""

    def wake(self, _kind: str, _subject: str) -> None:
        pass


class World:
    """A store, what is served on it, and the reconcilers of rules. `restart` is what a new server does."""

    def __init__(self, store: Database, data: Path) -> None:
        self.store = store
        settings = Settings(data=data)
        objects = BucketStore(store, data / "objects", "off", settings.account, settings.region)
        self.hosting = Hosting(Calls(Platform(settings, store, objects, cast("Any", Quiet())), registry.load()))
        self.restart(self.hosting)

    def restart(self, call: Call) -> None:
        given = dependencies(self.store, call=call)
        self.reconcilers = EventRouter(given), DeliveryReconciler(given), DeploymentReconciler(given, look_ms=0)
        self.reconcilers[0].recover()

    def settle(self) -> None:
        for _ in range(60):
            found = [(one, subject) for one in self.reconcilers for _, subject in one.active()]
            if not found:
                return
            for one, subject in found:
                one.reconcile(subject)
        raise AssertionError("it does not come to an end")

    def ask(self, operation: str, service: str = "sagemaker", **request: Any) -> dict[str, Any]:
        return self.hosting(OperationRequest(USER, service, operation, request))

    def register(self, **changes: Any) -> str:
        specification = {"Containers": [{"Image": IMAGE}], "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.large"]}
        request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": specification} | changes
        return str(self.ask("CreateModelPackage", **request)["ModelPackageArn"])

    def judge(self, arn: str, status: str) -> None:
        self.ask("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus=status)

    def rule(self, **parameters: str) -> None:
        pattern = (
            '{"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"], '
            f'"detail": {{"ModelPackageGroupName": ["{GROUP}"]}}}}'
        )
        self.ask("PutRule", "events", Name="deploy", EventPattern=pattern)
        listed = [{"Name": name, "Value": value} for name, value in parameters.items()]
        target = {"Id": "endpoint", "Arn": f"{ARN}:endpoint/{ENDPOINT}"}
        target |= {"SageMakerPipelineParameters": {"PipelineParameterList": listed}}
        failed = self.ask("PutTargets", "events", Rule="deploy", Targets=[target])
        assert failed["FailedEntryCount"] == 0, failed

    @property
    def served(self) -> str | None:
        """The version that the endpoint serves, by its model."""
        endpoint = self.hosting.endpoints.get(ENDPOINT)
        if endpoint is None or endpoint.status != "InService":
            return None
        model = self.hosting.configs[endpoint.config]["ProductionVariants"][0]["ModelName"]
        container = self.ask("DescribeModel", ModelName=model)["Containers"][0]
        return str(container["ModelPackageName"])

    def deployment(self) -> deployments.Deployment:
        (rule,) = enabled(self.store, ("000000000000", "us-east-1"))
        state = deployments.find(self.store, f"{rule.id}/endpoint")
        assert state is not None
        return state


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.ask("CreateModelPackageGroup", ModelPackageGroupName=GROUP)
    return made


def test_an_approved_version_is_served_and_the_next_one_after_it(world: World) -> None:
    world.rule(InstanceCount="2", Strategy="canary:10%/5m")
    first, second = world.register(), world.register()
    world.settle()
    assert world.served is None
    world.judge(first, "Approved")
    world.settle()
    assert world.served == first
    (variant,) = world.hosting.configs[world.hosting.endpoints[ENDPOINT].config]["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c5.large", 2)
    world.judge(second, "Approved")
    world.settle()
    assert world.served == second
    state = world.deployment()
    assert (state.status, state.deployed, state.asked_by) == (DeploymentState.DEPLOYED, second, USER)
    assert [operation for operation, _ in world.hosting.requested].count("UpdateEndpoint") == 1


def test_a_version_that_is_approved_when_it_is_registered_is_served(world: World) -> None:
    world.rule()
    arn = world.register(ModelApprovalStatus="Approved")
    world.settle()
    assert world.served == arn


def test_what_is_rejected_gives_way_to_the_latest_that_is_still_approved(world: World) -> None:
    world.rule()
    one, two, three = (world.register(ModelApprovalStatus="Approved") for _ in range(3))
    world.settle()
    assert world.served == three
    world.judge(one, "Rejected")
    world.settle()
    assert world.served == three
    world.judge(three, "PendingManualApproval")
    world.settle()
    assert world.served == two
    world.judge(two, "Rejected")
    world.settle()
    assert world.served == two  # there is none to go back to
    world.judge(one, "Approved")
    world.settle()
    assert world.served == one


def test_only_a_decision_moves_an_endpoint(world: World) -> None:
    world.rule()
    one, two = (world.register(ModelApprovalStatus="Approved") for _ in range(2))
    world.settle()
    world.ask("UpdateModelPackage", ModelPackageArn=one, CustomerMetadataProperties={"a": "b"})
    world.settle()
    assert world.served == two
    world.judge(one, "Approved")  # once more, and so last
    world.settle()
    assert world.served == one


def test_the_last_of_many_decisions_wins_in_whatever_state_the_endpoint_is(world: World) -> None:
    world.rule()
    arns = [world.register() for _ in range(4)]
    for arn in arns:
        world.judge(arn, "Approved")
        for one in world.reconcilers:
            for _, subject in one.active():
                one.reconcile(subject)
    world.judge(arns[1], "Approved")
    world.judge(arns[3], "Rejected")
    world.settle()
    assert world.served == arns[1]


def test_a_version_that_cannot_be_served_is_told_and_the_next_one_is_tried(world: World) -> None:
    world.rule()
    one = world.register(ModelApprovalStatus="Approved")
    world.settle()
    world.hosting.bad = {"-v2-"}
    two = world.register(ModelApprovalStatus="Approved")
    world.settle()
    state = world.deployment()
    assert (world.served, state.status, state.deployed) == (one, DeploymentState.FAILED, one)
    assert "health check" in state.message
    assert [operation for operation, _ in world.hosting.requested].count("UpdateEndpoint") == 1
    world.hosting.bad = set()
    world.judge(two, "Approved")
    world.settle()
    assert (world.served, world.deployment().status) == (two, DeploymentState.DEPLOYED)


def test_an_endpoint_that_never_served_is_made_anew(world: World) -> None:
    world.rule()
    world.hosting.bad = {"-v1-"}
    world.register(ModelApprovalStatus="Approved")
    world.settle()
    assert world.deployment().status == DeploymentState.FAILED
    two = world.register(ModelApprovalStatus="Approved")
    world.settle()
    assert (world.served, world.deployment().status) == (two, DeploymentState.DEPLOYED)


def test_another_server_that_takes_the_same_steps_first_is_no_trouble(world: World) -> None:
    world.restart(Outpaced(world.hosting))
    world.rule()
    for _ in range(2):
        arn = world.register(ModelApprovalStatus="Approved")
        world.settle()
        assert (world.served, world.deployment().status) == (arn, DeploymentState.DEPLOYED)


def test_trouble_passes_and_faults_do_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.rule()
    arn = world.register(ModelApprovalStatus="Approved")
    for one in world.reconcilers[:2]:
        for _, subject in one.active():
            one.reconcile(subject)

    def busy(_question: OperationRequest) -> dict[str, Any]:
        raise ServiceUnavailable("busy")

    world.restart(busy)
    world.reconcilers[2].reconcile(world.deployment().target)
    state = world.deployment()
    assert (state.status, state.attempts, "busy" in state.message) == (DeploymentState.WAITING, 1, True)
    world.restart(world.hosting)
    world.reconcilers[2].reconcile(state.target)  # too early
    assert world.served is None
    now = deployments.now_ms() + 5000
    monkeypatch.setattr(deployments, "now_ms", lambda: now)
    world.settle()
    assert world.served == arn
    world.restart(Nothing())
    world.judge(arn, "Approved")
    world.settle()
    state = world.deployment()
    assert (state.status, "DescribeModelPackage" in state.message) == (DeploymentState.FAILED, True)


class Killed(BaseException):
    """The server is no more."""


class Mortal:
    """Kills the server before or after the nth of its calls, or of its transactions."""

    def __init__(self, world: World, number: int, *, after: bool, transactions: bool) -> None:
        self._world, self._left, self._after, self._transactions = world, number, after, transactions
        self._write = world.store.write

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        if self._transactions:
            return self._world.hosting(question)
        return self._maybe(lambda: self._world.hosting(question))

    def _maybe(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._left -= 1
        if not self._left and not self._after:
            raise Killed
        answer = do()
        if not self._left:
            raise Killed
        return answer

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        self._left -= 1
        if not self._left and not self._after:
            raise Killed
        with self._write(durable=durable) as connection:
            yield connection
        if not self._left:
            raise Killed


@pytest.mark.sampled(4)
@pytest.mark.parametrize("transactions", [False, True], ids=["calls", "transactions"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_server_may_be_killed_anywhere(
    world: World, monkeypatch: pytest.MonkeyPatch, after: bool, transactions: bool
) -> None:
    """Each round kills it one call, or one transaction, later, until nothing is left to be killed in."""
    world.rule()
    first = world.register(ModelApprovalStatus="Approved")
    world.settle()
    died = 0
    for number in itertools.count(1):
        world.hosting.requested.clear()
        arn = world.register()
        world.judge(arn, "Approved")
        mortal = Mortal(world, number, after=after, transactions=transactions)
        world.restart(mortal)
        with monkeypatch.context() as patch:
            if transactions:
                patch.setattr(world.store, "write", mortal.write)
            try:
                world.settle()
                survived = True
            except Killed:
                survived, died = False, died + 1
        world.restart(world.hosting)
        world.settle()
        assert (world.served, world.deployment().status) == (arn, DeploymentState.DEPLOYED)
        requested = [operation for operation, _ in world.hosting.requested]
        assert requested.count("UpdateEndpoint") == 1, (number, requested)
        if survived:
            break
    assert died > 5
    assert world.served != first
