"""`sagewright users` and `sagewright keys`, and Studio with a user's key."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from tests.teams import DEFAULT_ROLE, Team, allow, deny, document, is_denied, trust

COMMAND = str(Path(sys.executable).parent / "sagewright")


def run(data: Path, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        [COMMAND, *words, "--data", str(data)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_person_gets_a_folder_and_works_with_it(team: Team, tmp_path: Path) -> None:
    data, own = team.server.data, tmp_path / "carla"
    assert "contains the server's URL" in run(data, "users", "create", "carla", "--group", "science", "--to", str(own))
    assert stat.S_IMODE((own / "credentials").stat().st_mode) == 0o600
    assert json.loads(run(own, "jobs", "list", "--json")) == []
    assert "iam:CreateUser" in run(own, "users", "create", "other", status=1)
    shown = json.loads(run(data, "users", "show", "carla", "--json"))
    assert shown["Groups"] == ["science"]
    assert [one["Status"] for one in shown["AccessKeys"]] == ["Active"]
    assert "already" in run(data, "keys", "create", "carla", "--to", str(own), status=2)
    assert "already" in run(data, "keys", "rotate", "carla", "--to", str(own), status=2)
    assert "already" in run(data, "users", "create", "dora", "--to", str(own), status=2)
    assert "dora" not in run(data, "users", "list", "-o", "name").splitlines()
    assert json.loads(run(own, "jobs", "list", "--json")) == []  # the key is still valid
    second = tmp_path / "second"
    run(data, "keys", "rotate", "carla", "--to", str(second))
    run(own, "jobs", "list", status=1)
    run(second, "jobs", "list")
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = subprocess.run(
        [COMMAND, "exec", "--data", str(second), "--", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert done.stdout.strip().endswith(":user/carla")
    (key,) = [line.split()[0] for line in run(data, "keys", "list", "carla").splitlines()[1:]]
    assert "carla" in run(data, "users", "list", "-o", "name").splitlines()
    run(data, "keys", "revoke", key)
    run(second, "jobs", "list", status=1)
    run(data, "users", "delete", "carla")
    assert "carla" not in run(data, "users", "list", "-o", "name").splitlines()
    assert "cannot be found" in run(data, "users", "show", "carla", status=1)
    run(data, "users", "delete", "admin", status=2)


def test_policies_come_from_files_and_names(team: Team, tmp_path: Path) -> None:
    data, file, own = team.server.data, tmp_path / "listing.json", tmp_path / "dana"
    run(data, "users", "create", "dana", "--policy", str(file), status=2)
    assert is_denied(team.person().boto("sagemaker").list_models)
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allow("sagemaker:ListTrainingJobs")]}))
    run(data, "users", "create", "dana", "--policy", str(file), "--to", str(own))
    run(own, "jobs", "list")
    assert "sagemaker:ListPipelines" in run(own, "pipelines", "list", status=1)
    run(data, "users", "grant", "dana", "--policy", "AmazonSageMakerReadOnly")
    run(own, "pipelines", "list")


class Visitor:
    """A browser without scripts, signed in by a key."""

    def __init__(self, team: Team, key: tuple[str, str]) -> None:
        self._team = team
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.signed_in = self.visit("/studio/sign-in", {"key": key[0], "secret": key[1]})

    def visit(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Returns the status and the page."""
        body = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(
            self._team.server.endpoint + path, body, {"Origin": self._team.server.endpoint, "Accept": "text/html"}
        )
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def test_studio_shows_a_user_what_it_may_see(team: Team) -> None:
    person = team.person(allow(["sagemaker:List*", "sagemaker:Search"], "*"), deny("sagemaker:ListPipelines"))
    visitor = Visitor(team, person.key)
    assert visitor.signed_in[0] == 200, visitor.signed_in
    assert visitor.visit("/studio/jobs")[0] == 200
    status, page = visitor.visit("/studio/pipelines")
    assert (status, "not authorized to perform: sagemaker:ListPipelines" in page) == (403, True)


def test_studio_disables_the_buttons_that_policies_refuse(team: Team) -> None:
    made = {"Version": "2020-12-01", "Steps": [{"Name": "end", "Type": "Fail", "Arguments": {"ErrorMessage": "over"}}]}
    team.server.boto("sagemaker").create_pipeline(
        PipelineName="ours", PipelineDefinition=json.dumps(made), ClientRequestToken="p" * 32, RoleArn=DEFAULT_ROLE
    )
    own = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/ours"
    reads = allow(["sagemaker:List*", "sagemaker:Describe*", "sagemaker:Search"], "*")
    person = team.person(reads, allow("sagemaker:DeletePipeline", own))
    visitor = Visitor(team, person.key)
    off = re.findall(r"\(off: (.*?)\)", visitor.visit("/studio/pipelines/ours")[1])
    assert off == [f"{person.name} may not do sagemaker:StartPipelineExecution"]
    person.may(reads, allow("sagemaker:*Pipeline*", f"{own}*"))
    assert "(off: " not in visitor.visit("/studio/pipelines/ours")[1]
    tagged = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    person.may(reads, allow("sagemaker:*Pipeline*", Condition=tagged))
    assert visitor.visit("/studio/pipelines/ours")[1].count("(off: ") == 2


def test_a_limited_session_can_not_sign_in(team: Team) -> None:
    person = team.person()
    role = team.role(allow("*"), trusted=trust(AWS=person.arn))
    made: dict[str, Any] = person.boto("sts").assume_role(
        RoleArn=role, RoleSessionName="work", Policy=document(allow("s3:*"))
    )
    key = made["Credentials"]
    assert Visitor(team, (key["AccessKeyId"], key["SecretAccessKey"])).signed_in[0] == 403
