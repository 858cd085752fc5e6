"""Periodic tasks of a server: clearing expired data, and preloading modules that the first request needs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial

from sagewright.compute.sites import Site
from sagewright.jumpstart.keys import content_bucket
from sagewright.model import process_memory
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.housekeeping import Chore, Housekeeper
from sagewright.server.images import collect
from sagewright.server.peers import TELL_S, Peers
from sagewright.services.aws.kms.imports import forget_expired
from sagewright.services.aws.kms.rotation import rotate_due
from sagewright.services.aws.kms.states import forget_deleted
from sagewright.services.catalogue_bucket import publish
from sagewright.services.context import Platform
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.lineage import lineage_following
from sagewright.services.sagemaker.search.indexing import keep_up
from sagewright.store import identity
from sagewright.store.logs.log_sweep import sweep
from sagewright.wire.models import service_model

COLLECT_S = 3600
SWEEP_S = 1.0
INDEX_S = 0.5
LINEAGE_S = 0.5
TRACK_S = 10.0
AUDIT_S = 2.0
ROOM_S = 1.0
LAYER_GRACE_S = 24 * 3600.0


@contextlib.asynccontextmanager
async def chores(platform: Platform, settings: Settings, peers: Peers) -> AsyncIterator[None]:
    """Starts the tasks, and ends them on exit."""
    collecting = asyncio.create_task(_collect(platform))
    publishing = asyncio.create_task(asyncio.to_thread(_publish, platform)) if settings.objects else None
    sweeping = threading.Event()
    removing = Chore("removing deleted logs", SWEEP_S, partial(sweep, platform.store, sweeping.is_set))
    indexing = Chore("indexing properties", INDEX_S, partial(keep_up, platform, sweeping.is_set))
    following = Chore("following lineage", LINEAGE_S, partial(lineage_following.keep_up, platform, sweeping.is_set))
    tracking = Chore("tracking jobs", TRACK_S, partial(job_components.keep_up, platform, sweeping.is_set))
    telling = Chore("telling where this server answers", TELL_S, peers.tell)
    assert platform.audit
    collecting_audit = Chore("collecting the audit trail", AUDIT_S, platform.audit.collect)
    ballast = platform.store.ballast
    keeping = Chore("keeping room on the disk", ROOM_S, (lambda: None) if ballast is None else ballast.keep)
    keepers = [
        platform.objects.housekeeper(settings),
        *(
            Housekeeper([one], sweeping)
            for one in (removing, indexing, following, tracking, telling, keeping, collecting_audit)
        ),
    ]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        collecting.cancel()
        if publishing is not None:
            publishing.cancel()
        for keeper in keepers:
            await asyncio.to_thread(keeper.end)
        await asyncio.to_thread(peers.leave)


async def _collect(platform: Platform) -> None:
    """Periodically deletes long-expired credentials, unused image layers and deleted KMS keys; rotates KMS keys that are due."""
    while True:
        await asyncio.to_thread(collect, platform, LAYER_GRACE_S)
        await asyncio.to_thread(identity.delete_expired_keys, platform.store)
        if platform.audit is not None:
            await asyncio.to_thread(platform.audit.prune, now_ms())
        for chore in (forget_deleted, forget_expired, rotate_due):
            await asyncio.to_thread(chore, platform.store)
        await asyncio.sleep(COLLECT_S)


def _publish(platform: Platform) -> None:
    """Writes JumpStart's catalogue to another S3: clients reach that one, so no request shows that it is about to be read."""
    try:
        publish(platform.objects, platform.settings.region)
    except AwsError as error:
        bucket = content_bucket(platform.settings.region)
        logging.warning(
            "JumpStart's catalogue could not be written to the bucket %s: %s: %s", bucket, error.code, error.message
        )


class OnceAside:
    """Does `do` at the first call, in a separate thread."""

    def __init__(self, do: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=do, daemon=True)
        self._calls = itertools.count()

    def __call__(self) -> None:
        if next(self._calls) == 0:
            self._thread.start()


def warm(site: Site) -> None:
    """Loads the large service models before a request needs them, and has removed what a killed server has left. Returns memory
    that the start has freed."""
    if site.left_over():
        site.warm()
    for service in ("sagemaker", "s3", "logs", "sts"):
        service_model(service)
    process_memory.trim()
