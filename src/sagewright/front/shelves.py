"""Asks agents of multi-model containers for models."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sagewright.front import faults
from sagewright.model.errors import AwsError
from sagewright.model.servingplaces import shelf

PATIENCE_S = 60.0
"""After which a client is told to come again: the model goes on loading."""
CONNECT_S = 1.0


class Shelves:
    """Of all containers. Requests for one model share one question."""

    def __init__(self) -> None:
        self._asked: dict[tuple[Path, str], asyncio.Task[str]] = {}

    async def bring(self, directory: Path, model: str) -> str:
        """The name by which the container in HOST_DIRECTORY knows a model, which is loaded then.

        Raises ValidationError for what is not there, ModelNotReadyException, ModelError, ServiceUnavailable.
        """
        key = directory, model
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.get_running_loop().create_task(_asked(directory, model))
            task.add_done_callback(lambda _done: self._asked.pop(key, None))
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
        except TimeoutError:
            message = f"The model {model} is still being loaded; try again later."
            raise AwsError("ModelNotReadyException", message, 429) from None


async def _asked(directory: Path, model: str) -> str:
    try:
        made = shelf(directory, CONNECT_S)
        made.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=made)
    except OSError as error:
        raise faults.unavailable(f"The models of this endpoint can't be asked for now: {error}") from None
    try:
        writer.write(json.dumps({"model": model}).encode() + b"\n")
        answer = json.loads(await reader.readline())
    except (OSError, ValueError) as error:
        raise faults.unavailable(f"The model {model} could not be loaded: {error}") from None
    finally:
        writer.close()
    if "name" in answer:
        name: str = answer["name"]
        return name
    message = f"Failed to load the model {model}: {answer['message']}"
    if answer["status"] == 400:
        raise faults.validation(message)
    if answer["status"] == 503:
        raise faults.unavailable(message)
    fields = {"OriginalStatusCode": str(answer["status"]), "OriginalMessage": answer["message"][:3000]}
    raise AwsError("ModelError", message, 424, fields)
