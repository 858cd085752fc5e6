"""URLs that sign in to Studio are for people: a job's credentials end with the job, a session would not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.studio.domains import PROFILE, domain_id
from sagewright.services.sagemaker.studio.sign_in.presigned_urls import create_presigned_domain_url
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey

ROLE = "arn:aws:sts::000000000000:assumed-role/SageMakerExecutionRole/SageMaker"


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    engine = cast("Any", None)
    return Platform(Settings(data=tmp_path / "data"), database, engine, engine)


def caller(platform: Platform, job: str | None) -> Context:
    key = identity.create_key(platform.store, NewKey(ROLE, "id", temporary=True, job_id=job))
    return Context("", "000000000000", "us-east-1", Principal(ROLE, "id", key.id), platform)


def test_a_job_s_credentials_make_no_session(platform: Platform) -> None:
    context = caller(platform, "j1")
    with pytest.raises(AwsError) as refused:
        create_presigned_domain_url(context, {"DomainId": domain_id(context), "UserProfileName": PROFILE})
    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)


def test_other_temporary_credentials_do(platform: Platform) -> None:
    context = caller(platform, None)
    made = create_presigned_domain_url(context, {"DomainId": domain_id(context), "UserProfileName": PROFILE})
    assert "/studio/auth?token=" in made["AuthorizedUrl"]
