"""URLs that sign in to Studio are for people: a job's credentials end with the job, a session would not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from sagewright.kinds.app import NOTEBOOK
from sagewright.model.errors import AwsError
from sagewright.model.notebooks.grants import redeem
from sagewright.model.settings import Settings
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.studio.domains import PROFILE, domain_id
from sagewright.services.sagemaker.studio.sign_in.notebook_routes import notebooks_of
from sagewright.services.sagemaker.studio.sign_in.presigned_urls import (
    create_presigned_domain_url,
    create_presigned_notebook_instance_url,
)
from sagewright.services.session_keys import StoredKeys
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

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


def test_instances_of_one_name_in_two_regions_are_two(platform: Platform) -> None:
    regions = ("eu-west-1", "us-east-1")
    made = {
        region: resources.create(
            platform.store,
            ResourceScope(NOTEBOOK, "000000000000", region),
            New("mine", {}, region, {}, status="InService"),
        ).id
        for region in regions
    }
    labels = {one["id"]: one["label"] for one in notebooks_of(platform.store, platform.settings)}
    assert labels[made["us-east-1"]] == "nb-mine"
    assert labels[made["eu-west-1"]].startswith("nb-mine--")
    for region in regions:
        context = replace(caller(platform, None), region=region, base_url="http://localhost:4700")
        url = create_presigned_notebook_instance_url(context, {"NotebookInstanceName": "mine"})["AuthorizedUrl"]
        assert urlsplit(url).hostname == f"{labels[made[region]]}.localhost"
        opened = redeem(StoredKeys(platform.store), parse_qs(urlsplit(url).query)["token"][0])
        assert opened is not None
        assert opened[1].notebook == made[region]
