"""The front's routing table of endpoints, which the server sends as a whole on each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DIRECT, MULTI_MODEL = "Direct", "MultiModel"


@dataclass(frozen=True)
class InvocationTarget:
    """The members of a request that select a target within its endpoint."""

    variant: str = ""
    container: str = ""
    model: str = ""
    component: str = ""


@dataclass(frozen=True)
class RouteContainer:
    """One container of a variant, as requests name it."""

    name: str
    multi_model: bool = False


@dataclass(frozen=True)
class RouteInstance:
    """`servers`: where its containers answer, in their order (`upstream.connecting.server_address`); the explainer's follows."""

    id: str
    servers: tuple[str, ...]


@dataclass(frozen=True)
class RouteVariant:
    """`weight`: its part of its fleet's traffic; `concurrency`: maximum number of concurrent requests, 0 for no limit.

    A variant with a `component` is an inference component: its instances are copies on the variant of that name. `desired`:
    desired number of copies. `explains`: True if instances have an explainer.
    """

    name: str
    weight: float
    containers: tuple[RouteContainer, ...]
    instances: tuple[RouteInstance, ...]
    direct: bool = False
    random: bool = False
    concurrency: int = 0
    scales_from_zero: bool = False
    component: str = ""
    desired: int = 1
    explains: bool = False


@dataclass(frozen=True)
class Capture:
    """Source: AWS's API reference, DataCaptureConfig."""

    percent: int
    destination: str
    input: bool
    output: bool
    csv_types: tuple[str, ...]
    json_types: tuple[str, ...]


@dataclass(frozen=True)
class RouteFleet:
    """`share`: its part of the endpoint's traffic, in percent; `shadow`: a variant that receives copies."""

    share: float
    variants: tuple[RouteVariant, ...]
    shadow: RouteVariant | None = None
    capture: Capture | None = None


@dataclass(frozen=True)
class Endpoint:
    """`status`: the reason for refusals if there is no fleet; `asynchronous`: True if it accepts only InvokeEndpointAsync;
    `components`: by name, None if its variants have models themselves."""

    id: str
    name: str
    status: str
    fleets: tuple[RouteFleet, ...]
    asynchronous: bool = False
    components: Mapping[str, RouteVariant] | None = None

    def variants(self) -> list[RouteVariant]:
        """Returns all variants that requests can go to."""
        if self.components is not None:
            return list(self.components.values())
        return [variant for fleet in self.fleets for variant in fleet.variants]


@dataclass(frozen=True)
class Routes:
    """All endpoints of one account and region."""

    account: str = ""
    region: str = ""
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Routes:
        found = [_endpoint(one) for one in document["endpoints"]]
        return cls(document["account"], document["region"], {one.name: one for one in found})


def _endpoint(document: Mapping[str, Any]) -> Endpoint:
    components = document.get("components")
    return Endpoint(
        document["id"],
        document["name"],
        document["status"],
        tuple(_fleet(one) for one in document["fleets"]),
        document["asynchronous"],
        None if components is None else {one["component"]: _variant(one) for one in components},
    )


def _fleet(document: Mapping[str, Any]) -> RouteFleet:
    shadow, capture = document["shadow"], document["capture"]
    return RouteFleet(
        document["share"],
        tuple(_variant(one) for one in document["variants"]),
        _variant(shadow) if shadow else None,
        Capture(**{**capture, "csv_types": tuple(capture["csv_types"]), "json_types": tuple(capture["json_types"])})
        if capture
        else None,
    )


def _variant(document: Mapping[str, Any]) -> RouteVariant:
    return RouteVariant(
        **{
            **document,
            "containers": tuple(RouteContainer(**one) for one in document["containers"]),
            "instances": tuple(RouteInstance(one["id"], tuple(one["servers"])) for one in document["instances"]),
        }
    )
