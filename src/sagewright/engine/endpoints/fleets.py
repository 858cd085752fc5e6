"""The fleets of an endpoint: the instances in its document, and the jobs that run them.

A fleet implements one endpoint configuration: variants, each with instances, each with one job per container. Everything is written
to the endpoint's document before it is created, so that a killed server leaves nothing unknown behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from sagewright.compute.gates import server_of
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs.launch_plan import host_directory
from sagewright.kinds.serving import COMPONENT, HOST, START_S
from sagewright.model.jobs.state_machines import SERVING, SecondaryStatus
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import DesiredState, Job, JobClaim, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.resources import requesters
from sagewright.store.resources.resources import Resource


class InstanceState(StrEnum):
    STARTING = "starting"
    READY = "ready"  # every container answers to /ping
    OVER = "over"  # a container ended on its own, or was lost


@dataclass(frozen=True)
class Instance:
    """`servers`: where its containers answer, once they are ready: a host's directory on this machine, or the URL of its gate;
    `leaving_ms`: since when it gets no more requests; `place`: for a copy of an inference component, the endpoint's instance that
    it runs on."""

    id: str
    servers: list[str] = field(default_factory=list)
    leaving_ms: int | None = None
    place: str = ""


@dataclass(frozen=True)
class Needs:
    """Resources that one copy of an inference component needs of an instance. `most_memory_mb`: its memory limit, 0 for all there
    is."""

    cpus: float = 0.0
    memory_mb: int = 0
    gpus: int = 0
    most_memory_mb: int = 0


_STORED_DESIRED, _STORED_SERVERS = "wanted", "directories"
"""Keys of `Variant.desired` and `Instance.servers` in stored documents."""


@dataclass(frozen=True)
class Variant:
    """`containers`: as ContainerDefinition; `desired`: desired number of instances; `mode`: InferenceExecutionConfig's mode;
    `failures`: number of consecutive instances that failed to start; `retry_ms`: time before which no other one is created.

    `hosts_components`: True if its instances run nothing themselves but host inference components' copies; `scaling`: bounds on
    their number, as ManagedInstanceScaling. `explainer`: a container that explains predictions, beside the model's on each
    instance. `component`: the component whose copies the instances are, each of which has `needs`.
    """

    name: str
    weight: float
    desired: int
    instance_type: str
    containers: list[dict[str, Any]]
    model: str
    role: str
    mode: str = "Serial"
    isolated: bool = False
    shadow: bool = False
    start_s: float = START_S
    routing: str = "LEAST_OUTSTANDING_REQUESTS"
    serverless: dict[str, Any] | None = None
    failures: int = 0
    retry_ms: int = 0
    instances: list[Instance] = field(default_factory=list)
    hosts_components: bool = False
    scaling: dict[str, Any] | None = None
    component: str = ""
    needs: Needs | None = None
    explainer: dict[str, Any] | None = None

    @property
    def programs(self) -> list[dict[str, Any]]:
        """Returns all containers of an instance: the model's, then the explainer."""
        return [*self.containers, *([self.explainer] if self.explainer else [])]

    @property
    def ready(self) -> list[Instance]:
        return [one for one in self.kept if one.servers or self.hosts_components]

    @property
    def kept(self) -> list[Instance]:
        """Returns the instances that are not leaving."""
        return [one for one in self.instances if one.leaving_ms is None]


@dataclass(frozen=True)
class Fleet:
    """`share`: percentage of the traffic that it gets; `capture` and `asynchronous`: from its configuration."""

    id: str
    config: str
    variants: list[Variant]
    share: float = 0.0
    capture: dict[str, Any] | None = None
    asynchronous: dict[str, Any] | None = None

    @property
    def whole(self) -> bool:
        return all(len(variant.ready) >= variant.desired for variant in self.variants)


def read(document: dict[str, Any]) -> list[Fleet]:
    """Returns the fleets of an endpoint's document, the serving one first."""
    return [fleet_of(one) for one in document.get("Fleets", [])]


def written(fleets: list[Fleet]) -> list[dict[str, Any]]:
    documents = [asdict(fleet) for fleet in fleets]
    for variant in (one for document in documents for one in document["variants"]):
        variant[_STORED_DESIRED] = variant.pop("desired")
        for instance in variant["instances"]:
            instance[_STORED_SERVERS] = instance.pop("servers")
    return documents


def fleet_of(document: dict[str, Any]) -> Fleet:
    """Parses a fleet that `written` wrote."""
    return Fleet(**{**document, "variants": [_variant(one) for one in document["variants"]]})


def _variant(document: dict[str, Any]) -> Variant:
    needs = document.get("needs")
    parsed = {name: value for name, value in document.items() if name != _STORED_DESIRED} | {
        "desired": document[_STORED_DESIRED],
        "instances": [_instance(one) for one in document["instances"]],
        "needs": Needs(**needs) if needs else None,
    }
    return Variant(**parsed)


def _instance(document: dict[str, Any]) -> Instance:
    own = {name: value for name, value in document.items() if name != _STORED_SERVERS}
    return Instance(**own, servers=document.get(_STORED_SERVERS, []))


def sized(fleet: Fleet, now_ms: int) -> Fleet:
    """Returns the fleet with the desired number of instances: new ones have a name and no jobs yet, surplus ones are leaving."""
    return replace(fleet, variants=[_sized(variant, now_ms) for variant in fleet.variants])


def _sized(variant: Variant, now_ms: int) -> Variant:
    kept = variant.kept
    more = [Instance(new_instance_id()) for _ in range(variant.desired - len(kept))]
    surplus = {one.id for one in sorted(kept, key=lambda one: bool(one.servers))[: max(0, len(kept) - variant.desired)]}
    listed = [replace(one, leaving_ms=now_ms) if one.id in surplus else one for one in variant.instances]
    return replace(variant, instances=listed + more)


def new_instance_id() -> str:
    return f"i-{uuid.uuid4().hex[:17]}"


def emptied(fleet: Fleet, now_ms: int) -> Fleet:
    """Returns the fleet with no desired instances and all existing ones leaving."""
    return sized(replace(fleet, share=0.0, variants=[replace(one, desired=0) for one in fleet.variants]), now_ms)


def instances(fleets: list[Fleet]) -> Iterator[tuple[Variant, Instance]]:
    for fleet in fleets:
        for variant in fleet.variants:
            for instance in variant.instances:
                yield variant, instance


class Fleets:
    """Manages the jobs of instances. The owner is an endpoint, or the inference component whose copies the instances are."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    def jobs_of(self, owner: Resource, variant: Variant, instance: Instance) -> list[Job | None]:
        """Returns the job of each container; None if it has not been created yet."""
        scope = ResourceScope(SERVING.kind, owner.account, owner.region)
        names = [_job_name(instance, number) for number in range(len(variant.programs))]
        return [jobs.find(self._dependencies.store, scope, name) for name in names]

    def make(self, owner: Resource, variant: Variant, instance: Instance) -> None:
        """Creates the missing jobs of an instance."""
        scope = ResourceScope(SERVING.kind, owner.account, owner.region)
        for number, container in enumerate(variant.programs):
            request = {
                **_owned(owner, variant, instance),
                "VariantName": variant.name,
                "ContainerName": container_name(variant, number) if len(variant.programs) > 1 else "",
                "InstanceType": variant.instance_type,
                "RoleArn": variant.role,
                "Container": container,
                "Isolated": variant.isolated,
                "StartSeconds": variant.start_s,
                **({"Explains": True} if number >= len(variant.containers) else {}),
            }
            claim = JobClaim(requesters.requester(self._dependencies.store, owner.id), variant.role.rpartition("/")[2])
            draft = JobDraft(_job_name(instance, number), request, claim=claim)
            try:
                job = jobs.create(self._dependencies.store, scope, draft)
            except JobNameTaken:
                continue
            self._dependencies.wake(job.kind, job.id)

    def observe(self, owner: Resource, variant: Variant, instance: Instance) -> tuple[InstanceState, list[Job]]:
        """Returns the state of an instance, and its jobs."""
        found = [job for job in self.jobs_of(owner, variant, instance) if job is not None]
        if any(job.ended for job in found):
            return InstanceState.OVER, found
        ready = len(found) == len(variant.programs) and all(
            job.secondary_status == SecondaryStatus.RUNNING for job in found
        )
        return (InstanceState.READY if ready else InstanceState.STARTING), found

    def servers(self, made: list[Job]) -> list[str]:
        """Returns where the containers of a ready instance answer."""
        return [self._server(job) for job in made]

    def _server(self, job: Job) -> str:
        found = hosts.of_job(self._dependencies.store, job.id)
        directory = host_directory(self._dependencies.settings, job.id, found, HOST)
        host = max(found, key=lambda one: one.attempt, default=None)
        return server_of(host.gate, host.handle, directory) if host else str(directory)

    def stop(self, owner: Resource, variant: Variant, instance: Instance) -> bool:
        """True if all of the instance's jobs are over and deleted, so that no client can query them. Asks the others to end."""
        over = True
        for job in self.jobs_of(owner, variant, instance):
            if job is not None and job.ended:
                jobs.remove(self._dependencies.store, job.id)
            if job is None or job.ended:
                continue
            over = False
            if (
                job.desired != DesiredState.STOP
            ):  # only once: the job's steps wake the endpoint, which would wake the job forever
                jobs.set_desired(self._dependencies.store, job.id, DesiredState.STOP)
                self._dependencies.wake(job.kind, job.id)
        return over


def _owned(owner: Resource, variant: Variant, instance: Instance) -> dict[str, Any]:
    """Returns the job's owner, and its resource limits if it may not use all of its instance type."""
    if owner.kind != COMPONENT:
        memory_gb = (variant.serverless or {}).get("MemorySizeInMB", 0) // 1024
        described = {"EndpointName": owner.name, "EndpointId": owner.id}
        return described | {"InstanceId": instance.id, "MemoryGigabytes": memory_gb}
    needs = variant.needs or Needs()
    return {
        "EndpointName": owner.document["EndpointName"],
        "ComponentName": owner.name,
        "ComponentId": owner.id,
        "InstanceId": instance.place,
        "CopyId": instance.id,
        "MemoryGigabytes": needs.most_memory_mb / 1024,
        "Cpus": needs.cpus,
        "Gpus": needs.gpus,
    }


def container_name(variant: Variant, number: int) -> str:
    named: str = variant.programs[number].get("ContainerHostname") or f"container_{number + 1}"
    return named


def _job_name(instance: Instance, number: int) -> str:
    return f"{instance.id}-{number}"
