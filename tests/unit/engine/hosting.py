"""Hosting as an engine's test needs it: endpoints that are Creating or Updating for a few looks, and may fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagewright.engine.calls import Call, OperationRequest
from sagewright.model.errors import NotImplementedYet, ValidationException

LOOKS = 2


@dataclass
class Endpoint:
    """`pending`: the configuration that it is on its way to."""

    config: str
    status: str = "Creating"
    pending: str | None = None
    looks: int = LOOKS
    reason: str = ""


@dataclass
class Hosting:
    """Answers what is about endpoints, and asks `rest` for all else. `bad`: configurations that never become healthy."""

    rest: Call
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    requested: list[tuple[str, str]] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        own = getattr(self, f"_{question.operation}", None)
        if own is None:
            return self.rest(question)
        if question.operation != "DescribeEndpoint":
            self.requested.append((question.operation, question.request.get("EndpointConfigName", "")))
        answer: dict[str, Any] = own(question.request)
        return answer

    def _CreateEndpointConfig(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        if name in self.configs:
            raise ValidationException(f'Cannot create already existing endpoint configuration "{name}".')
        self.configs[name] = request
        return {}

    def _CreateEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["EndpointName"] in self.endpoints:
            raise ValidationException("Cannot create already existing endpoint.")
        self.endpoints[request["EndpointName"]] = Endpoint(request["EndpointConfigName"])
        return {}

    def _UpdateEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoints[request["EndpointName"]]
        if endpoint.status != "InService":
            raise ValidationException('Cannot update in-progress endpoint "x".')
        endpoint.status, endpoint.pending, endpoint.looks = "Updating", request["EndpointConfigName"], LOOKS
        endpoint.reason = ""
        return {}

    def _DeleteEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        del self.endpoints[request["EndpointName"]]
        return {}

    def _DescribeEndpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self.endpoints.get(request["EndpointName"])
        if endpoint is None:
            raise ValidationException('Could not find endpoint "x".')
        self._go_on(endpoint)
        name = request["EndpointName"]
        described: dict[str, Any] = {
            "EndpointName": name,
            "EndpointArn": f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}",
        }
        described |= {"EndpointStatus": endpoint.status, "EndpointConfigName": endpoint.config}
        if endpoint.pending:
            described["PendingDeploymentSummary"] = {"EndpointConfigName": endpoint.pending}
        return described | ({"FailureReason": endpoint.reason} if endpoint.reason else {})

    def _go_on(self, endpoint: Endpoint) -> None:
        if endpoint.status not in {"Creating", "Updating"}:
            return
        endpoint.looks -= 1
        if endpoint.looks:
            return
        desired = endpoint.pending or endpoint.config
        failed = any(part in desired for part in self.bad)
        endpoint.status = "Failed" if failed and endpoint.pending is None else "InService"
        endpoint.reason = "it did not pass the ping health check" if failed else ""
        endpoint.config, endpoint.pending = endpoint.config if failed else desired, None


class Nothing:
    """Serves no operation at all."""

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        raise NotImplementedYet(question.service, question.operation)


@dataclass
class Outpaced:
    """Another server takes each step first: what creates or updates is asked for twice, and the second answer counts."""

    call: Call

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        if question.operation.startswith(("Create", "Update")):
            self.call(question)
        return self.call(question)
