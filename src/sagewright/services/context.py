"""The context of an operation: everything but its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from sagewright.engine.calls import Owner
    from sagewright.engine.control import Engine
    from sagewright.model.aws.shapes import OperationModel
    from sagewright.model.errors import AwsError
    from sagewright.model.settings import Settings
    from sagewright.objects.access import ObjectStore
    from sagewright.objects.bucketstore import BucketStore
    from sagewright.store.database import Database


@dataclass(frozen=True)
class Principal:
    """The signer of the request. Without an ARN the request is unsigned, which only S3 accepts. `session`: see AccessKey."""

    arn: str
    user_id: str
    access_key: str = ""
    session: str | None = None

    @property
    def anonymous(self) -> bool:
        return not self.arn


ANONYMOUS = Principal("", "")


@dataclass(frozen=True)
class RequestOrigin:
    """The origin of a request: its client's address, its Referer and User-Agent headers, whether it was a form, and
    whether it could be read on the way."""

    address: str = ""
    referer: str | None = None
    form: bool = False
    agent: str | None = None
    secure: bool = True


@dataclass(frozen=True)
class Platform:
    """The server's components, created once at start."""

    settings: Settings
    store: Database
    objects: ObjectStore
    engine: Engine
    audit: CallRecorder | None = None


@dataclass(frozen=True)
class Context:
    """One request: its caller, its account and region, and the server's components. `owner`: the resource for which the engine
    creates a job. `trusted`: a service acts, whose rights no policy limits.
    """

    request_id: str
    account: str
    region: str
    principal: Principal
    platform: Platform
    base_url: str = ""
    owner: Owner | None = None
    origin: RequestOrigin = RequestOrigin()
    trusted: bool = False

    @property
    def store(self) -> Database:
        return self.platform.store

    @property
    def objects(self) -> BucketStore:
        """Returns the embedded store, for S3's operations. They are only called if it is the store; otherwise requests are
        forwarded."""
        return cast("BucketStore", self.platform.objects)

    @property
    def engine(self) -> Engine:
        return self.platform.engine

    @property
    def settings(self) -> Settings:
        return self.platform.settings


@dataclass(frozen=True)
class AuditedCall:
    """One call: its operation and parameters, and how it ended. `left_out`: failures of this caller that were not recorded."""

    context: Context
    service: str
    operation: str
    parameters: Mapping[str, Any]
    model: OperationModel | None = None
    result: Mapping[str, Any] | None = None
    error: AwsError | None = None
    left_out: int = 0


class CallRecorder(Protocol):
    """The audit trail."""

    def wants(self, service: str, operation: str, error_code: str = "") -> bool:
        """Returns True if a call that ended like this is recorded."""
        ...

    def record(self, call: AuditedCall, invoked_by: str = "") -> None:
        """Records a call. `invoked_by`: the service that made it for a role."""
        ...

    def collect(self) -> None:
        """Moves recorded entries into the store."""
        ...

    def prune(self, now_ms: int) -> int:
        """Deletes old records, a bounded number; returns how many."""
        ...
