"""Code of calls, buttons, sessions, files of others, where the guide leads."""

from __future__ import annotations

import ast
import hashlib
import re
import shlex
import tomllib
from importlib.resources import files
from urllib.parse import unquote

import pytest

from sagewright.algorithms.schema import catalogue
from sagewright.model.guide import tree
from sagewright.model.guide.scenarios import SCENARIOS
from sagewright.model.studio_sessions import IDLE_S, RENEW_S, SessionKey, Sessions
from sagewright.studio import buttons, wording
from sagewright.studio.buttons import BadForm, Button, Field
from sagewright.studio.code import boto3_code, cli_code, method
from sagewright.studio.navigation import NAVIGATION
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages import load
from sagewright.studio.pipelinegraph import Step, following
from sagewright.studio.rendering import table
from sagewright.studio.visit import PAGES

CALL = OperationCall(
    "sagemaker",
    "CreateTrainingJob",
    {"TrainingJobName": "a'b", "Tags": [{"Key": "k", "Value": "v" * 100}], "EnableNetworkIsolation": True},
)


def test_code_is_python_and_shell() -> None:
    ast.parse(boto3_code([CALL]))
    words = shlex.split(cli_code([CALL]))
    assert words[:5] == ["aws", "sagemaker", "create-training-job", "--training-job-name", "a'b"]
    assert "--enable-network-isolation" in words


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("CreateTrainingJob", "create_training_job"),
        ("ListObjectsV2", "list_objects_v2"),
        ("StopHyperParameterTuningJob", "stop_hyper_parameter_tuning_job"),
    ],
)
def test_names_of_boto3(operation: str, name: str) -> None:
    from botocore import xform_name

    assert method(operation) == name == xform_name(operation)


def test_a_button_is_read_as_it_was_written() -> None:
    button = Button(
        "Start",
        OperationCall("sagemaker", "StartPipelineExecution", {"PipelineName": "p"}),
        "Started",
        fields=(Field("PipelineParameters.Depth", "Depth"),),
        back="/studio",
    )
    read = buttons.read([("call", button.sealed), ("PipelineParameters.Depth", "4")])
    assert read.calls[0].request == {"PipelineName": "p", "PipelineParameters": [{"Name": "Depth", "Value": "4"}]}
    each = Button("Stop", OperationCall("sagemaker", "StopTrainingJob", {}), "Stopping {n}", each="TrainingJobName")
    read = buttons.read([("call", each.sealed), ("pick", "a"), ("pick", "b")])
    assert [call.request for call in read.calls] == [{"TrainingJobName": "a"}, {"TrainingJobName": "b"}]
    with pytest.raises(BadForm):
        buttons.read([("call", each.sealed)])
    with pytest.raises(BadForm):
        buttons.read([("call", each.sealed), *(("pick", str(n)) for n in range(1001))])


class Keys:
    def __init__(self) -> None:
        self.kept: dict[str, SessionKey] = {}
        self.made = 0

    def create(self, principal: str, seconds: int) -> SessionKey:
        self.made += 1
        key = SessionKey(f"ASIA{self.made}", f"secret{self.made}", principal)
        self.kept[key.id] = key
        assert seconds > 0
        return key

    def find(self, key_id: str) -> SessionKey | None:
        return self.kept.get(key_id)

    def principal_of(self, key_id: str, secret: str) -> str:
        key = self.kept.get(key_id)
        return key.principal if key and key.secret == secret else ""

    def end(self, key_id: str) -> bool:
        return self.kept.pop(key_id, None) is not None


def test_sessions_end_by_idleness_and_are_renewed_by_visits() -> None:
    now = [1_000_000.0]
    sessions = Sessions(Keys(), lambda: now[0])
    redeemed = sessions.redeem(sessions.one_time_token("arn:role/a", 60, 600, "/studio/jobs"))
    assert redeemed is not None
    session, landing = redeemed
    assert landing == "/studio/jobs"
    cookie = sessions.cookie(session, secure=False).partition(";")[0]
    found = sessions.find(cookie)
    assert found is not None
    assert not found.stale
    now[0] += RENEW_S + 1
    renewed = sessions.find(cookie)
    assert renewed is not None
    assert renewed.stale
    now[0] += IDLE_S
    assert sessions.find(cookie) is None
    assert "Secure" in sessions.cookie(session, secure=True)


def test_a_token_opens_one_session_and_no_other_principal() -> None:
    sessions = Sessions(Keys())
    token = sessions.one_time_token("arn:role/a", 60, 600)
    assert sessions.redeem(token.replace(".600.", ".99999.")) is None
    assert sessions.redeem(token) is not None
    assert sessions.redeem(token) is None


def test_files_of_others_are_what_their_list_says() -> None:
    static = files("sagewright.studio") / "static"
    listed = tomllib.loads((static / "vendored.toml").read_text())
    for name, one in listed.items():
        assert hashlib.sha256((static / name).read_bytes()).hexdigest() == one["sha256"], name
        assert one["version"]
        assert one["licence"]
    own = {"studio.css", "studio.js", "chartframe.js", "icons.svg", "vendored.toml"}
    own |= {"htmx.LICENSE.txt", "vega.LICENSE.txt"}
    assert {path.name for path in static.iterdir()} == own | set(listed)


def test_own_script_and_style_keep_their_budget() -> None:
    static = files("sagewright.studio") / "static"
    assert (static / "studio.js").read_text().count("\n") <= 300
    assert (static / "studio.css").read_text().count("\n") <= 900


def test_the_masks_of_statuses_are_their_icons() -> None:
    static = files("sagewright.studio") / "static"
    style, icons = (static / "studio.css").read_text(), (static / "icons.svg").read_text()
    drawn = dict(re.findall(r'<symbol [^>]*id="([^"]+)"[^>]*>(.*?)</symbol>', icons))
    masks = dict(re.findall(r'\.mk\.(\w+) \{ --mk: url\("data:image/svg\+xml,(.*?)"\)', style))
    inner = {look: re.findall(r"<svg[^>]*>(.*)</svg>", unquote(mask)) for look, mask in masks.items()}
    black = {
        look: drawn[icon].replace("currentColor", "#000").replace('"', "'") for look, icon in wording.ICONS.items()
    }
    assert inner == {look: [shape] for look, shape in black.items()}


def test_the_side_bar_and_the_guide_lead_to_pages() -> None:
    load()
    paths = {f"/studio{page.path}" for page in PAGES}
    assert {entry.path for entry in NAVIGATION if entry.id} <= paths
    assert {one.page for one in SCENARIOS} <= paths
    assert {one.algorithm for found in tree.ANSWERS.values() for one in found} <= set(catalogue.declarations())
    assert len({entry.key for entry in NAVIGATION if entry.id}) == len([entry for entry in NAVIGATION if entry.id])


def test_a_cell_of_csv_is_no_formula() -> None:
    assert table(["a"], [["=cmd()"], ["-1"], ["@x"]]).decode().split() == ["a", "'=cmd()", "-1", "'@x"]


def test_what_follows_a_step_runs_with_it() -> None:
    steps = [
        Step("a", "Training", ()),
        Step("b", "Training", ("a",)),
        Step("c", "Training", ()),
        Step("d", "Fail", ("b", "c")),
    ]
    assert following(steps, "a") == ["a", "b", "d"]
    assert following(steps, "c") == ["c", "d"]
