"""Orders to the nodes of a cluster: the document of a host for another machine, and the address of the server."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sagewright.compute.backend import HostPlan, NoBackend
from sagewright.model.jobs.gates import ON_ROUTE
from sagewright.model.machine import address_towards
from sagewright.model.settings import Settings


def host_order(settings: Settings, plan: HostPlan, gang: str) -> dict[str, Any]:
    """Returns a host's directory on its node, its document for there, and the version that the node needs."""
    own_environments = settings.environments != Path()
    root = settings.node_directory
    places = {
        "environments": str(settings.environments) if own_environments else f"{root}/environments",
        "object_proof": None,
        "code_file": "",
        "warm_cache": None,
        "gate": ON_ROUTE,
    }
    document = plan.document | places
    directory = f"{root}/hosts/{gang}/{document['host']}"
    return {"directory": directory, "version": version("sagewright"), "document": document}


def endpoint_base(settings: Settings, nodes: Sequence[str], cluster: str) -> str:
    """Returns the server's URL as the nodes see it, with `{port}` for the port. `nodes`: their addresses; `cluster`: its name in
    messages. Raises NoBackend."""
    if settings.hosts_endpoint:
        return settings.hosts_endpoint.rstrip("/")
    far = next((node for node in nodes if not ipaddress.ip_address(node).is_loopback), None)
    try:
        listening = ipaddress.ip_address(settings.host)
    except ValueError:
        return f"http://{settings.host}:{{port}}"
    if listening.is_loopback and far:
        raise NoBackend(
            f"The nodes of the {cluster} cannot reach a server that listens on {settings.host}: "
            "give --host 0.0.0.0 or an address of this machine, or set hosts_endpoint."
        )
    address = ipaddress.ip_address(_own_address(far, cluster)) if listening.is_unspecified and far else listening
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1")
    return f"http://{f'[{address}]' if address.version == 6 else address}:{{port}}"


def _own_address(towards: str, cluster: str) -> str:
    """Returns this machine's address on the route to another."""
    try:
        return address_towards(towards)
    except OSError as error:
        raise NoBackend(f"The node {towards} of the {cluster} cannot be reached: {error}") from error
