"""Operations, called as the signed-in principal, and a record of the calls that a page made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sagewright.model.errors import AwsError


@dataclass(frozen=True)
class Caller:
    """`key`: the id of the session's access key, "" without a session."""

    principal: str
    key: str = ""


class Operations(Protocol):
    """Calls operations of AWS services in process, with the checks of a client's request."""

    def call(self, principal: str, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the response as boto3 would. Raises AwsError."""
        ...

    def refusal(self, principal: str, service: str, operation: str, request: dict[str, Any]) -> str:
        """Returns why policies would refuse a call, "" if they would not, or if it depends on values that are not known yet."""
        ...

    def object_url(self, principal: str, base: str, bucket: str, key: str, shown: bool = False) -> str:
        """Returns a presigned URL that downloads an object, or with `shown` opens it in the browser."""
        ...

    def sign_in_url(self, caller: Caller, base: str, operation: str, request: dict[str, Any]) -> str:
        """Returns the URL of one of SageMaker's CreatePresigned operations, for a browser that reaches the server at `base`."""
        ...

    def upload_form(self, principal: str, base: str, bucket: str, prefix: str, back: str) -> tuple[str, dict[str, str]]:
        """Returns URL and fields of a form by which a browser uploads a file to S3 itself."""
        ...

    def wrangle(self, principal: str, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Sends a request to the session of Data Wrangler, and starts a session if there is none: then `starting` says why it
        isn't ready. Raises AwsError."""
        ...


@dataclass(frozen=True)
class OperationCall:
    """One call of an operation, in boto3's format."""

    service: str
    operation: str
    request: dict[str, Any]


@dataclass(frozen=True)
class MetricOfJob:
    """A metric with one dimension, such as TrainingJobName."""

    namespace: str
    dimension: str
    job: str
    name: str


@dataclass(frozen=True)
class MetricPoints:
    """A metric's values in order of time: all `count`, or an outline.

    `times`: milliseconds since the epoch; `positions`: the position of each value among all.
    """

    times: tuple[int, ...]
    values: tuple[float, ...]
    positions: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class MachineLoad:
    """Shares of the machines held by jobs, and the use of the disk. Sizes in bytes."""

    name: str
    cpus: int
    cpus_held: float
    gpus: int
    gpus_held: int
    memory: int
    memory_held: int
    disk: int
    disk_used: int
    data: str


@dataclass(frozen=True)
class Holder:
    """Shares that the jobs of one owner and role hold, and how many run and wait. `memory`: bytes; `limits`: name, use and value of
    each limit that concerns them."""

    owner: str
    role: str
    cpus: int
    memory: int
    gpus: int
    running: int
    waiting: int
    limits: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class NotebookUsage:
    """Use of a notebook. Sizes in bytes; `cpus`: processors used; `busy`: kernels that compute; times in milliseconds since the
    epoch, 0 for none; `home`: -1 if it has too many files to be counted; `reason`: why it failed or was shut down."""

    memory: int = 0
    memory_limit: int = 0
    cpus: float = 0.0
    kernels: int = 0
    busy: int = 0
    idle_since_ms: int = 0
    stops_at_ms: int = 0
    home: int = 0
    reason: str = ""


class Readings(Protocol):
    """Values that no operation returns. The caller has already been allowed to describe the resource."""

    def points(self, namespace: str, dimensions: dict[str, str], metric: str, most: int) -> MetricPoints:
        """Returns a metric's values, at most `most`: the least and greatest of consecutive spans where there are more."""
        ...

    def several(self, asked: Sequence[MetricOfJob], most: int) -> list[MetricPoints]:
        """Returns the values of several metrics, each as `points` does."""
        ...

    def metrics(self, namespace: str, dimensions: dict[str, str]) -> list[str]:
        """Returns the names of the metrics with exactly these dimensions."""
        ...

    def matches(self, resource: str, expression: dict[str, Any]) -> int | None:
        """Returns the number of matches of a Search, however many there are; None if it is not quickly known."""
        ...

    def rows(self, operation: str, request: dict[str, Any]) -> int | None:
        """Returns the number of rows on all pages of a List operation; None if it is not quickly known."""
        ...

    def machine(self) -> MachineLoad: ...

    def holders(self) -> list[Holder]:
        """Returns what each owner and role holds of the machines, the largest first."""
        ...

    def notebooks(self) -> dict[tuple[str, str, str], NotebookUsage]:
        """Returns the use of each app, by its domain, its owner's name in lower case and its type; a notebook instance is at
        ("", name, "")."""
        ...

    def deployments(self, rule: str) -> list[str]:
        """Returns a sentence on each endpoint that a rule deploys to."""
        ...

    def cache_miss(self, execution: str, step: str) -> tuple[str, str, tuple[str, ...]]:
        """Returns why a step was not taken from the cache: a sentence, the id of the earlier execution that it speaks of, and the
        key attributes that differ from it. The sentence is "" for a step that was not reached."""
        ...

    def why(self, kind: str, name: str) -> str:
        """Returns why a resource is in its status, "" if there is nothing to say. `kind`: as in ARNs."""
        ...

    def approvals(self, group: str, number: int) -> list[tuple[int, str, str, str]]:
        """Returns the changes to a version, oldest first: milliseconds, caller, approval status, note."""
        ...


@dataclass
class Client:
    """Operations as one principal. `calls` lists the calls made so far that a page shows as code."""

    operations: Operations
    principal: str
    readings: Readings
    calls: list[OperationCall] = field(default_factory=list)
    key: str = ""
    """The id of the session's access key."""

    def sign_in_url(self, base: str, operation: str, /, **request: Any) -> str:
        """Returns a URL that signs in to a notebook, for the browser that reached Studio at `base`. Raises AwsError."""
        return self.operations.sign_in_url(Caller(self.principal, self.key), base, operation, request)

    def call(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        """Calls an operation and records it. Raises AwsError."""
        one = OperationCall(service, operation, {name: value for name, value in request.items() if value is not None})
        if one not in self.calls:
            self.calls.append(one)
        return self.operations.call(self.principal, service, operation, one.request)

    def refusal(self, call: OperationCall) -> str:
        """Returns why policies would refuse a call, "" if nothing is known to."""
        return self.operations.refusal(self.principal, call.service, call.operation, call.request)

    def note(self, service: str, operation: str, /, **request: Any) -> None:
        """Adds a call to the code of a page that reads the same in another way."""
        self.calls.append(OperationCall(service, operation, request))

    def sagemaker(self, operation: str, /, **request: Any) -> dict[str, Any]:
        return self.call("sagemaker", operation, **request)

    def wrangle(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        """Asks the session of Data Wrangler. Raises AwsError."""
        return self.operations.wrangle(self.principal, path, request)

    def aside(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        """Calls an operation that is not part of the page's content, and so not of its code. Raises AwsError."""
        given = {name: value for name, value in request.items() if value is not None}
        return self.operations.call(self.principal, service, operation, given)

    def attempt(self, service: str, operation: str, /, **request: Any) -> tuple[dict[str, Any], str]:
        """Returns the response and "", or {} and the error's sentence, for a part of a page that may fail by itself."""
        try:
            return self.call(service, operation, **request), ""
        except AwsError as error:
            return {}, f"{error.code}: {error.message}"
