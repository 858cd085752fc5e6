"""An object store on each database, with one bucket `b`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.objects.bucketstore import BucketStore
from sagewright.store.database import Database


@pytest.fixture
def objects(database: Database, tmp_path: Path) -> BucketStore:
    store = BucketStore(database, tmp_path / "objects", "off", "000000000000", "us-east-1")
    store.buckets.create("b")
    return store
