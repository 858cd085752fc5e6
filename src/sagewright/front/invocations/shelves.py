"""Requests to the agents of multi-model containers to load models."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from sagewright.front import faults
from sagewright.model.errors import AwsError
from sagewright.model.jobs import gates
from sagewright.model.jobs.gates import Gate
from sagewright.model.jobs.serving_sockets import SHELF
from sagewright.upstream.connecting import GateAddress, UnixPath, place_of
from sagewright.upstream.errors import Broken, ContainerUnreachable
from sagewright.upstream.lines import ask_line

PATIENCE_S = 60.0
"""Time after which a client is asked to retry: the model continues to load."""
LOAD_S = 900.0
"""Time for an agent to unload other models, fetch this one and load it."""
MOST_LOADING = 64
"""Maximum number of models per container that are being loaded."""


class Shelves:
    """Models of all multi-model containers. Requests for one model share one load."""

    def __init__(self) -> None:
        self._requested: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._loading: Counter[str] = Counter()

    async def bring(self, server: str, model: str) -> str:
        """Loads a model, and returns its name in the container that answers at `server`.

        Raises ValidationError for a missing model, ModelNotReadyException, ModelError, ServiceUnavailable.
        """
        key = server, model
        task = self._requested.get(key)
        if task is None:
            if self._loading[server] >= MOST_LOADING:
                message = f"The model {model} has to wait: {MOST_LOADING} models of this container are being loaded."
                raise AwsError("ModelNotReadyException", f"{message} Try again later.", 429)
            task = self._requested[key] = asyncio.get_running_loop().create_task(_requested(server, model))
            self._loading[server] += 1
            task.add_done_callback(lambda _done: self._answered(key))
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
        except TimeoutError:
            message = f"The model {model} is still being loaded; try again later."
            raise AwsError("ModelNotReadyException", message, 429) from None

    def _answered(self, key: tuple[str, str]) -> None:
        task = self._requested.pop(key)
        if not task.cancelled():
            task.exception()  # all waiters may have been cancelled
        self._loading[key[0]] -= 1
        if not self._loading[key[0]]:
            del self._loading[key[0]]


def _address(server: str) -> UnixPath | GateAddress:
    found = place_of(server)
    return GateAddress(found, gates.SHELF) if isinstance(found, Gate) else UnixPath(found / SHELF)


async def _requested(server: str, model: str) -> str:
    try:
        line = await ask_line(_address(server), json.dumps({"model": model}).encode(), LOAD_S)
        answer: dict[str, Any] = json.loads(line)
        if "name" in answer:
            return str(answer["name"])
        status, reason = int(answer["status"]), str(answer["message"])
    except ContainerUnreachable as error:
        raise faults.unavailable(f"The models of this endpoint are unavailable: {error}") from None
    except TimeoutError:
        raise faults.unavailable(f"The model {model} could not be loaded within {LOAD_S:g} s.") from None
    except (Broken, ValueError, TypeError, KeyError, RecursionError) as error:
        raise faults.unavailable(f"The model {model} could not be loaded: {error}") from None
    message = f"Failed to load the model {model}: {reason[: faults.MOST_TOLD]}"
    if status == 400:
        raise faults.validation(message)
    if status == 503:
        raise faults.unavailable(message)
    fields = {"OriginalStatusCode": str(status), "OriginalMessage": reason[: faults.MOST_TOLD]}
    raise AwsError("ModelError", message, 424, fields)
