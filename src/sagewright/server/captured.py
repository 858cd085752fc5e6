"""Moves captured records from the fronts' spool to S3."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sagewright.front.invocations.spool import CaptureTarget, Segment, segments
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore

AGAIN_S = 5.0
log = logging.getLogger("sagewright.server.captured")


class Captured:
    """`look` is called from the server's event loop; a thread does the work, one segment after the other."""

    def __init__(self, folder: Path, objects: ObjectStore) -> None:
        self._folder, self._objects = folder, objects
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def look(self) -> None:
        """Checks the spool for new segments."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._bring_all())

    async def end(self, timeout_s: float) -> None:
        """Waits for the current work. Segments left by then stay in the spool for the next server."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=timeout_s)
            self._task.cancel()

    async def _bring_all(self) -> None:
        while self._again:
            self._again = False
            if not await asyncio.to_thread(self._bring):
                await asyncio.sleep(AGAIN_S)
                self._again = True

    def _bring(self) -> bool:
        """Returns True if all segments were written. Never raises: a segment that can't be written stays."""
        whole = True
        for segment in segments(self._folder):
            try:
                for target, records in segment.records().items():
                    self._write(segment, target, records)
                segment.remove()
            except Exception as error:
                log.warning("captured records of %s are kept until later: %s", segment.path.name, error)
                whole = False
        return whole

    def _write(self, segment: Segment, target: CaptureTarget, records: list[bytes]) -> None:
        """Raises AwsError and OSError for failures worth a retry. Source: AWS's developer guide, "Capture data from real-time
        endpoint": the form of the keys."""
        try:
            place = read_s3_uri(target.destination)
        except ValueError as error:
            log.warning("captured data of endpoint %s has nowhere to go: %s", target.endpoint, error)
            return
        steps = [place.key.strip("/"), target.endpoint, target.variant]
        steps += [f"{segment.made:%Y/%m/%d/%H}", segment.name_for(target)]
        key = "/".join(step for step in steps if step)
        try:
            self._objects.write_bytes(place.bucket, key, b"\n".join(records) + b"\n", "application/json")
        except AwsError as error:
            if error.status >= 500:
                raise
            log.warning(
                "captured data of endpoint %s can't be written to %s: %s", target.endpoint, target.destination, error
            )
