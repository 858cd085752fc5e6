"""kill -9 of the server while lineage is behind: all that was answered is in it once another server has run, and once only."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2"))
PATIENCE_S = 30
IMAGE = "own:latest"


def create(server: RunningServer, first: int, answered: set[str]) -> None:
    """Models of one image, until the server is gone."""
    client = server.boto("sagemaker")
    number = first
    while True:
        try:
            arn = client.create_model(ModelName=f"model-{number}", PrimaryContainer={"Image": IMAGE})["ModelArn"]
        except (BotoCoreError, ClientError):
            return
        answered.add(arn)
        number += 1


def followed(server: RunningServer) -> list[str]:
    """The model at the end of each association that leads from the image."""
    client = server.boto("sagemaker")
    images = client.list_artifacts(SourceUri=IMAGE)["ArtifactSummaries"]
    if not images:
        return []
    (image,) = images
    pages = client.get_paginator("list_associations").paginate(SourceArn=image["ArtifactArn"], MaxResults=100)
    ends = [one["DestinationArn"] for page in pages for one in page["AssociationSummaries"]]
    uris = {  # read last: the server goes on meanwhile
        one["ArtifactArn"]: one["Source"]["SourceUri"]
        for page in client.get_paginator("list_artifacts").paginate(ArtifactType="Model")
        for one in page["ArtifactSummaries"]
    }
    return [uris[end] for end in ends]


def test_everything_answered_is_in_lineage_once(own_server: RunningServer) -> None:
    rng = random.Random(17)
    answered: set[str] = set()
    own_server.start()
    for kill in range(KILLS):
        creating: Any = threading.Thread(target=create, args=(own_server, kill * 10_000, answered))
        creating.start()
        while len(answered) <= kill + 1 and creating.is_alive():
            time.sleep(0.01)
        time.sleep(rng.uniform(0.3, 1))
        own_server.end(signal.SIGKILL)
        creating.join()
        own_server.start()
        deadline = time.monotonic() + PATIENCE_S
        while not answered <= set(found := followed(own_server)):
            assert time.monotonic() < deadline, (len(answered - set(found)), own_server.log())
            time.sleep(0.2)
        assert len(found) == len(set(found))
    assert len(answered) > KILLS
