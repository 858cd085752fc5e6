"""Options of a container sandbox for the job's image."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from sagewright.agent.hostfile import HostFile
from sagewright.model.aws.registry_tokens import LIFETIME_S, USER, make_password
from sagewright.model.clock import now_ms
from sagewright.runtimes.registries import resembling
from sagewright.sandbox.base import ImageRegistry, OwnImage


def own_image(host: HostFile, say: Callable[[str], None]) -> OwnImage:
    """Returns the image, its permissions, and the server's registry with a password derived from the job's credentials."""
    own = host.credentials
    password = make_password(own.access_key_id, own.secret_access_key, now_ms() + LIFETIME_S * 1000)
    held = host.limits == "auto"
    program = host.brief.program
    return OwnImage(
        uri=program.image,
        cache=host.environments,
        entrypoint=program.entrypoint,
        registry=ImageRegistry(urlsplit(host.endpoint).netloc, USER, password),
        cpus=host.cpus if held else 0,
        memory_gb=host.memory_gb if held else 0,
        gpus=list(range(host.gpus)) if host.gpu_indexes is None else host.gpu_indexes,
        say=say,
        hint=resembling(program.image),
    )
