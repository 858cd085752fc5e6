"""kill -9 of the server while its index of properties is behind: what was answered is found by the next server."""

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
PATIENCE_S = 20


def searched(server: RunningServer) -> dict[str, str]:
    """The tag of each model, as Search finds them."""
    pages = server.boto("sagemaker").get_paginator("search").paginate(Resource="Model", MaxResults=100)
    models = [found["Model"]["Model"] for page in pages for found in page["Results"]]
    return {model["ModelName"]: model["Tags"][0]["Value"] for model in models if model["Tags"]}


def create(server: RunningServer, first: int, answered: dict[str, str]) -> None:
    """Models and their tags, until the server is gone."""
    client = server.boto("sagemaker")
    number = first
    while True:
        name = f"model-{number}"
        try:
            arn = client.create_model(ModelName=name, PrimaryContainer={"Image": "own:latest"})["ModelArn"]
            client.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": name}])
        except (BotoCoreError, ClientError):
            return
        answered[name] = name
        number += 1


def test_everything_answered_is_found(own_server: RunningServer) -> None:
    rng = random.Random(7)
    answered: dict[str, str] = {}
    own_server.start()
    for kill in range(KILLS):
        creating: Any = threading.Thread(target=create, args=(own_server, kill * 10_000, answered))
        creating.start()
        while len(answered) <= kill + 1 and creating.is_alive():
            time.sleep(0.01)
        time.sleep(rng.uniform(0.3, 1.5))
        own_server.end(signal.SIGKILL)
        creating.join()
        own_server.start()
        deadline = time.monotonic() + PATIENCE_S
        while not answered.items() <= (found := searched(own_server)).items():
            assert time.monotonic() < deadline, sorted(answered.keys() - found.keys())
            time.sleep(0.1)
    assert len(answered) > KILLS
