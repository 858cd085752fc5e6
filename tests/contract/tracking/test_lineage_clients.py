"""Lineage by both SDKs, as users write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("client", "root"), [("sdk_v2", "sagemaker.lineage"), ("sdk_v3", "sagemaker.core.lineage")])
def test_entities_made_by_hand(server: RunningServer, client: str, root: str) -> None:
    done = getattr(server, client)(PROGRAMS / "lineage_sdk.py", root)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines, mark = done.stdout.splitlines(), root.replace(".", "-")
    for line in (
        "properties: {'b': '2'}",
        "tags: [{'Key': 'team', 'Value': 'x'}]",
        "status: Completed",
        "by uri: ['DataSet']",
        "inputs: ['DataSet', 'Image']",
        "graph: ['DataSet', 'Endpoint', 'Image', 'Model', 'ModelDeployment'] 4",
        "elements: 5",
        "filtered: ['DatasetArtifact']",
        "datasets: [True]",
        f"endpoints: ['{mark}-endpoint']",
        f"endpoint contexts: ['{mark}-endpoint']",
        "data's endpoints: ['EndpointContext']",
        f"actions: ['{mark}-deploy']",
        "deployed: 1",
        "models: ['Model']",
        "models too: ['ModelArtifact']",
        "table: [('Input', 'DataSet', 'artifact'), ('Input', 'Image', 'artifact'), "
        "('Input', 'ModelDeployment', 'action'), ('Output', 'ModelDeployment', 'action')]",
        "left: []",
    ):
        assert line in lines, done.stdout
    assert ("resources: [True] Model" in lines) == (client == "sdk_v3")


def test_steps_of_a_pipeline_that_record_lineage(server: RunningServer) -> None:
    done = server.sdk_v3(PROGRAMS / "pipeline_lineage_v3.py")
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    lines = done.stdout.splitlines()
    assert "first: Succeeded Succeeded" in lines, done.stdout
    assert "second: Succeeded Succeeded" in lines
    assert lines.count("metadata: ['ActionArns', 'ArtifactArns', 'Associations', 'ContextArns'] 3") == 2
    assert "graph: ['DataSet', 'Model', 'Project', 'Training'] 3" in lines
