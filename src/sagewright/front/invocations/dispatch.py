"""Dispatch of a request to a model: variant, instance, container, and the handling of those that are unavailable."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from sagewright.front import faults
from sagewright.front.faults import Where
from sagewright.front.invocations.choosing import Quota, least_busy
from sagewright.front.invocations.counting import Counting, VariantCounts
from sagewright.front.invocations.explaining import Explained
from sagewright.front.invocations.refreshing import Refreshing
from sagewright.front.invocations.routes import (
    Endpoint,
    InvocationTarget,
    RouteFleet,
    RouteInstance,
    Routes,
    RouteVariant,
)
from sagewright.front.invocations.shelves import Shelves
from sagewright.model.aws.regions import read_routed
from sagewright.model.errors import AwsError
from sagewright.model.nearest import did_you_mean
from sagewright.upstream.client import Answer, AnswerStream, Broken, ContainerUnreachable, Upstream, UpstreamRequest
from sagewright.upstream.connecting import server_address

TIMEOUT_S = 60.0
STREAM_TIMEOUT_S = 480.0
"""Limit for a whole stream. Source: AWS's developer guide: 8 minutes."""
AWAY_S = 5.0
"""Maximum time that a request waits for a restarting model server."""
RETRY_S, MOST_RETRY_S = 0.02, 0.2
"""First and longest pause between two connection attempts: they grow, since many requests can wait for one container."""
MOST_IN_FLIGHT = 256
"""Maximum number of requests in progress per instance; further ones are asked to retry later."""


@dataclass
class Served:
    """The answer with its variant, and the model's latency in seconds."""

    fleet: RouteFleet
    variant: RouteVariant
    answer: Answer
    model_s: float
    explained: bytes | None = None
    """The answer with explanations, if the endpoint gives them."""


@dataclass
class Counters:
    """Requests in progress."""

    by_instance: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_variant: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Dispatch:
    """Sends requests to model servers. `take` replaces `routes` as a whole; requests in progress are not affected."""

    def __init__(self, counting: Counting, refresh: Callable[[], Awaitable[None]]) -> None:
        """`refresh`: requests the current routes from the server."""
        self.routes = Routes()
        self._refresh = Refreshing(refresh)
        self._counting = counting
        self._quotas: dict[str, Quota] = {}
        self._upstreams: dict[str, Upstream] = {}
        self._busy = Counters()
        self._shelves = Shelves()
        self._models: dict[tuple[str, str], str] = {}
        self._changed = asyncio.Event()
        self.requested: set[str] = set()
        """Endpoints that received requests for variants without an instance since the last collection."""

    def take(self, routes: Routes) -> None:
        self.routes = routes
        known = {
            place
            for endpoint in routes.endpoints.values()
            for fleet in endpoint.fleets
            for variant in (*fleet.variants, *([fleet.shadow] if fleet.shadow else []))
            for instance in variant.instances
            for place in instance.servers
        }
        known |= {
            place
            for endpoint in routes.endpoints.values()
            for component in (endpoint.components or {}).values()
            for instance in component.instances
            for place in instance.servers
        }
        for gone in self._upstreams.keys() - known:
            self._upstreams.pop(gone).close()
        self._models = {key: name for key, name in self._models.items() if key[0] in known}
        for name in self._quotas.keys() - routes.endpoints.keys():
            del self._quotas[name]
        self._changed.set()
        self._changed = asyncio.Event()

    def where(self, name: str, component: str = "") -> Where:
        """`name`: the endpoint's name in the routes."""
        region, plain = read_routed(name, self.routes.region)
        return Where(plain, self.routes.account, region, component)

    async def endpoint(self, name: str, component: str = "") -> Endpoint:
        """Returns the current endpoint. If it isn't known to be in service, or to host the component, asks the server
        once. Raises ValidationError."""
        endpoint = self.routes.endpoints.get(name)
        if endpoint is None or not endpoint.fleets or not _answers(endpoint, component):
            await self._refresh()
            endpoint = self.routes.endpoints.get(name)
        if endpoint is None:
            raise faults.not_found(self.where(name)).advised(self._near(name))
        if not endpoint.fleets:
            raise faults.not_ready(self.where(name), endpoint.status)
        return endpoint

    def _near(self, name: str) -> str:
        """Returns a question with the nearest names of endpoints in the same region, "" if there are none."""
        region, plain = read_routed(name, self.routes.region)
        known = (read_routed(one, self.routes.region) for one in self.routes.endpoints)
        return did_you_mean(plain, (other for its_region, other in known if its_region == region))

    def choose(self, endpoint: Endpoint, requested: InvocationTarget) -> tuple[RouteFleet, RouteVariant]:
        """Raises ValidationError for a variant or a component that does not exist."""
        if endpoint.components is not None or requested.component:
            return endpoint.fleets[0], self._component(endpoint, requested)
        if requested.variant:
            for fleet in sorted(endpoint.fleets, key=lambda one: -one.share):
                for variant in fleet.variants:
                    if variant.name == requested.variant:
                        return fleet, variant
            raise faults.validation(f"Variant {requested.variant} of endpoint {endpoint.name} not found.")
        if len(endpoint.fleets) == 1 and len(endpoint.fleets[0].variants) == 1:  # the common case: there is no choice
            (fleet,), (variant,) = endpoint.fleets, endpoint.fleets[0].variants
            if fleet.share and variant.weight:
                return fleet, variant
        quota = self._quotas.setdefault(endpoint.name, Quota())
        weights, found = {}, {}
        for number, fleet in enumerate(endpoint.fleets):
            total = sum(variant.weight for variant in fleet.variants)
            for variant in fleet.variants:
                key = f"{number}/{variant.name}"
                found[key] = (fleet, variant)
                weights[key] = fleet.share * variant.weight / total if total else 0.0
        if not any(weights.values()):
            raise faults.validation(f"No variant of endpoint {endpoint.name} has a weight above 0.")
        return found[quota.choose(weights)]

    def _component(self, endpoint: Endpoint, requested: InvocationTarget) -> RouteVariant:
        """Raises ValidationError."""
        if endpoint.components is None:
            raise faults.validation(
                f"Endpoint {endpoint.name} hosts no inference components: its variants have models."
            )
        if not requested.component:
            raise faults.component_needed()
        found = endpoint.components.get(requested.component)
        if found is None:
            raise faults.component_not_found(self.where(endpoint.name, requested.component))
        if requested.variant and requested.variant != found.name:
            raise faults.validation(
                f"Inference Component {found.component} is on the variant {found.name}, not on {requested.variant}."
            )
        if not found.desired and not found.instances:
            self.tally(endpoint.name, found).without_capacity += 1
            raise faults.no_capacity()
        return found

    async def ask(
        self,
        endpoint: Endpoint,
        fleet: RouteFleet,
        variant: RouteVariant,
        ask: UpstreamRequest,
        requested: InvocationTarget,
    ) -> Served:
        """Returns the answer of a variant. Raises AwsError: ModelError, ServiceUnavailable, ValidationError."""
        where, begin = self.where(endpoint.name, variant.component), time.monotonic()
        async with _Slot(self, endpoint, variant) as slot:
            answer = await self._through(where, slot, ask, requested)
        return Served(fleet, variant, answer, time.monotonic() - begin)

    async def ask_explained(
        self, endpoint: Endpoint, fleet: RouteFleet, variant: RouteVariant, explained: Explained
    ) -> Served:
        """Returns the answer of a variant, and its explanations. Raises AwsError as `ask` does."""
        where, begin = self.where(endpoint.name, variant.component), time.monotonic()
        async with _Slot(self, endpoint, variant) as slot:

            async def ask(request: UpstreamRequest) -> Answer:
                return await self._through(where, slot, request, explained.target)

            async def ask_explainer(request: UpstreamRequest) -> Answer:
                return await self.upstream(slot.instance.servers[-1]).ask(request, TIMEOUT_S)

            try:
                async with asyncio.timeout(TIMEOUT_S):
                    answer = await ask(explained.request)
                    model_s = time.monotonic() - begin
                    document = await explained.explain(answer, ask, ask_explainer)
            except TimeoutError:
                raise faults.timed_out(where, "clarify-explainer", TIMEOUT_S) from None
        return Served(fleet, variant, answer, model_s, document)

    async def _through(self, where: Where, slot: _Slot, ask: UpstreamRequest, requested: InvocationTarget) -> Answer:
        """Returns the answer of the last container that the request passes through. Raises AwsError."""
        *before, last = slot.steps(requested)
        for number in before:
            answer = await self._answered(where, slot, number, ask, requested)
            headers = {**ask.headers}
            if "content-type" in answer.headers:
                headers["Content-Type"] = answer.headers["content-type"]
            ask = replace(ask, body=answer.body, headers=headers)
        return await self._answered(where, slot, last, ask, requested)

    async def _answered(
        self, where: Where, slot: _Slot, number: int, ask: UpstreamRequest, requested: InvocationTarget
    ) -> Answer:
        """Returns a container's successful answer. Raises AwsError."""
        answer = await self._step(where, slot, number, ask, requested)
        if not 200 <= answer.status < 300:
            raise faults.model_error(where, _described_name(slot.variant, number), answer.status, answer.body)
        return answer

    async def _several(self, where: Where, slot: _Slot, number: int, ask: UpstreamRequest, model: str) -> Answer:
        """Returns the answer of one model of a multi-model container, loading it first if needed."""
        place, container = slot.instance.servers[number], _described_name(slot.variant, number)
        key = place, model
        answer = Answer(0, {}, b"")
        for fresh in (False, True):
            if fresh or key not in self._models:
                self._models[key] = await self._shelves.bring(place, model)
            path = f"/models/{self._models[key]}/invoke"
            try:
                answer = await self.upstream(place).ask(replace(ask, path=path), TIMEOUT_S)
            except ContainerUnreachable:
                self._models.pop(key, None)
                if fresh:
                    raise faults.unavailable(f"The container {container} can't be reached.") from None
                continue  # it is restarting, and its models with it
            except Broken as error:
                raise faults.broken(where, container, str(error)) from None
            except TimeoutError:
                raise faults.timed_out(where, container, TIMEOUT_S) from None
            if answer.status != HTTPStatus.NOT_FOUND:
                break
            self._models.pop(key, None)  # the container was restarted, or has unloaded it
        return answer

    async def _step(
        self, where: Where, slot: _Slot, number: int, ask: UpstreamRequest, requested: InvocationTarget
    ) -> Answer:
        container = _described_name(slot.variant, number)
        until, retry_s = time.monotonic() + AWAY_S, RETRY_S
        if slot.variant.containers[number].multi_model and requested.model:
            return await self._several(where, slot, number, ask, requested.model)
        while True:
            try:
                return await self.upstream(slot.instance.servers[number]).ask(ask, TIMEOUT_S)
            except ContainerUnreachable as error:
                if time.monotonic() > until:
                    raise faults.unavailable(
                        f"No instance of the variant {slot.variant.name} can be reached: {error}"
                    ) from None
                await asyncio.sleep(retry_s)
                retry_s = min(MOST_RETRY_S, retry_s * 1.3)
                slot.move(self._present(slot.endpoint.name, slot.variant), started=number > 0)
            except Broken as error:
                raise faults.broken(where, container, str(error)) from None
            except TimeoutError:
                raise faults.timed_out(where, container, TIMEOUT_S) from None

    async def begin(
        self, endpoint: Endpoint, variant: RouteVariant, ask: UpstreamRequest, requested: InvocationTarget
    ) -> tuple[AnswerStream, _Slot]:
        """Returns the answer of a variant's last container as a stream, and the slot, which the caller has to leave. Raises
        AwsError."""
        where = self.where(endpoint.name, variant.component)
        slot = _Slot(self, endpoint, variant)
        await slot.__aenter__()
        try:
            steps = slot.steps(requested)
            for number in steps[:-1]:
                answer = await self._step(where, slot, number, ask, requested)
                if not 200 <= answer.status < 300:
                    raise faults.model_error(where, _described_name(variant, number), answer.status, answer.body)
                ask = replace(ask, body=answer.body)
            try:
                stream = await self.upstream(slot.instance.servers[steps[-1]]).begin(ask, STREAM_TIMEOUT_S)
            except ContainerUnreachable as error:
                raise faults.unavailable(f"No instance of the variant {variant.name} can be reached: {error}") from None
            except Broken as error:
                raise faults.broken(where, _described_name(variant, steps[-1]), str(error)) from None
            except TimeoutError:
                raise faults.timed_out(where, _described_name(variant, steps[-1]), STREAM_TIMEOUT_S) from None
        except BaseException:
            await slot.__aexit__()
            raise
        return stream, slot

    def tally(self, endpoint: str, variant: RouteVariant) -> VariantCounts:
        tally = self._counting.of(endpoint, variant.name, variant.component)
        tally.instances = max(1, len(variant.instances))
        return tally

    async def present(self, endpoint: Endpoint, variant: RouteVariant) -> RouteVariant:
        """Returns the current variant once it has an instance. Raises ServiceUnavailable, ModelNotReadyException."""
        now, begin = self._present(endpoint.name, variant), time.monotonic()
        limit = time.monotonic() + (TIMEOUT_S if now.scales_from_zero else AWAY_S)
        while not now.instances:
            self.requested.add(endpoint.id)
            left = limit - time.monotonic()
            if left <= 0:
                raise faults.unavailable(f"The variant {variant.name} of endpoint {endpoint.name} has no instance now.")
            changed = self._changed
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(left, 0.5))
            now = self._present(endpoint.name, variant)
        if now.scales_from_zero:
            self.tally(endpoint.name, now).timed("ModelSetupTime", (time.monotonic() - begin) * 1e6)
        return now

    def _present(self, name: str, variant: RouteVariant) -> RouteVariant:
        """Returns the variant in the current routes, or the given one if they lack it."""
        endpoint = self.routes.endpoints.get(name)
        candidates = endpoint.variants() if endpoint else []
        mine = (one for one in candidates if (one.name, one.component) == (variant.name, variant.component))
        return next(mine, variant)

    def upstream(self, server: str) -> Upstream:
        upstream = self._upstreams.get(server)
        if upstream is None:
            upstream = self._upstreams[server] = Upstream(server_address(server))
        return upstream

    @property
    def busy(self) -> Counters:
        return self._busy

    def leave(self, instance: RouteInstance) -> None:
        """Counts one request less at an instance."""
        counters = self._busy.by_instance
        counters[instance.id] -= 1
        if counters[instance.id] <= 0:
            del counters[instance.id]


class _Slot:
    """The slot of one request at an instance of a variant."""

    def __init__(self, dispatch: Dispatch, endpoint: Endpoint, variant: RouteVariant) -> None:
        self._dispatch, self.endpoint, self.variant = dispatch, endpoint, variant
        self._key = f"{endpoint.name}/{variant.name}/{variant.component}"
        self.instance: RouteInstance

    async def __aenter__(self) -> _Slot:
        busy = self._dispatch.busy
        if self.variant.concurrency and busy.by_variant[self._key] >= self.variant.concurrency:
            raise AwsError("ThrottlingException", "Rate exceeded: the variant's MaxConcurrency is reached.", 429)
        busy.by_variant[self._key] += 1
        try:
            if not self.variant.instances:
                self.variant = await self._dispatch.present(self.endpoint, self.variant)
            self.instance = least_busy(self.variant.instances, busy.by_instance, at_random=self.variant.random)
            if busy.by_instance[self.instance.id] >= MOST_IN_FLIGHT:
                raise faults.unavailable(f"The variant {self.variant.name} has too many requests in flight.")
        except BaseException:
            self._leave_variant()
            raise
        busy.by_instance[self.instance.id] += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave_variant()
        self._leave_instance()

    def move(self, variant: RouteVariant, *, started: bool) -> None:
        """Moves to another instance, if there is one, because this one can't be reached. Not between two containers of one
        instance."""
        if started or not variant.instances:
            return
        others = [one for one in variant.instances if one.id != self.instance.id] or list(variant.instances)
        self._leave_instance()
        self.instance = least_busy(others, self._dispatch.busy.by_instance, at_random=False)
        self._dispatch.busy.by_instance[self.instance.id] += 1

    def steps(self, requested: InvocationTarget) -> list[int]:
        """Returns the indices of the containers that the request passes through. Raises ValidationError."""
        names = [container.name for container in self.variant.containers]
        if not self.variant.direct:
            if requested.container:
                raise faults.validation(
                    "TargetContainerHostname needs a model whose InferenceExecutionConfig has the Mode Direct."
                )
            return list(range(len(names)))
        if not requested.container:
            raise faults.validation(f"A model in Direct mode needs TargetContainerHostname, one of {names}.")
        if requested.container not in names:
            raise faults.validation(f"Container {requested.container} not found; the model's containers are {names}.")
        return [names.index(requested.container)]

    def _leave_variant(self) -> None:
        self._dispatch.busy.by_variant[self._key] -= 1

    def _leave_instance(self) -> None:
        self._dispatch.leave(self.instance)


def _answers(endpoint: Endpoint, component: str) -> bool:
    """Returns True if the endpoint can answer, for the component if one is named."""
    if not component:
        return True
    found = (endpoint.components or {}).get(component)
    return found is not None and bool(found.instances)


def _described_name(variant: RouteVariant, number: int) -> str:
    return "primary" if len(variant.containers) == 1 else variant.containers[number].name
