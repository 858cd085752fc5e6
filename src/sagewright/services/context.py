"""What an operation is given besides its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from sagewright.engine.calls import Owner
    from sagewright.engine.control import Engine
    from sagewright.model.settings import Settings
    from sagewright.objects.access import ObjectStore
    from sagewright.objects.bucketstore import BucketStore
    from sagewright.store.database import Database


@dataclass(frozen=True)
class Principal:
    """Who signed the request. Without an ARN: nobody did, which S3 alone lets through."""

    arn: str
    user_id: str
    access_key: str = ""

    @property
    def anonymous(self) -> bool:
        return not self.arn


ANONYMOUS = Principal("", "")


@dataclass(frozen=True)
class RequestOrigin:
    """Where a request came from: its client's address, what it says as its Referer, and whether it was a form."""

    address: str = ""
    referer: str | None = None
    form: bool = False


@dataclass(frozen=True)
class Platform:
    """The server's parts, made once at start."""

    settings: Settings
    store: Database
    objects: ObjectStore
    engine: Engine


@dataclass(frozen=True)
class Context:
    """One request: who asks, where, and the parts of the server that answer. `owner`: what a job is made for, where the engine
    asks for it.
    """

    request_id: str
    account: str
    region: str
    principal: Principal
    platform: Platform
    base_url: str = ""
    owner: Owner | None = None
    origin: RequestOrigin = RequestOrigin()

    @property
    def store(self) -> Database:
        return self.platform.store

    @property
    def objects(self) -> BucketStore:
        """The embedded store, for S3's own operations: they are called where it is the store, else handed on."""
        return cast("BucketStore", self.platform.objects)

    @property
    def engine(self) -> Engine:
        return self.platform.engine

    @property
    def settings(self) -> Settings:
        return self.platform.settings
