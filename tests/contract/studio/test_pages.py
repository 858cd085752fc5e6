"""Every page with real things behind it, and every button as a browser without scripts presses it."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import Any

import pytest
from tests.contract.studio.world import BUCKET, World


def test_every_page_shows_what_there_is(browser: Any, world: World) -> None:
    expected = {
        "/studio": world.failed,
        "/studio/jobs": world.job,
        f"/studio/jobs/{world.job}": "train:logloss",
        f"/studio/jobs/{world.job}/log": "train-logloss",
        f"/studio/jobs/{world.failed}": "max_depth: -4",
        "/studio/jobs/new": "max_depth",
        f"/studio/jobs/new?from={world.job}": f"s3://{BUCKET}/train/",
        f"/studio/compare?pick={world.job}&pick={world.failed}": "max_depth",
        "/studio/processing": "Processing jobs",
        "/studio/transform": "Transform jobs",
        "/studio/tuning": "Tuning jobs",
        "/studio/experiments": world.experiment,
        f"/studio/experiments/{world.experiment}": world.experiment,
        "/studio/pipelines": world.pipeline,
        f"/studio/pipelines/{world.pipeline}": world.execution,
        f"/studio/pipelines/{world.pipeline}/{world.execution}": "because",
        "/studio/models": world.group,
        f"/studio/models/{world.group}": "0.9300",
        f"/studio/models/{world.group}/1": "0.9000",
        f"/studio/models/new?job={world.job}": "model.tar.gz",
        "/studio/endpoints": "Endpoints",
        f"/studio/endpoints/new?job={world.job}": "Deploy",
        "/studio/functions": "Functions",
        "/studio/alarms": "studio-alarm",
        "/studio/alarms/studio-alarm": "Sum of waiting",
        "/studio/metrics?namespace=/aws/sagemaker/TrainingJobs&q=train:logloss": world.job,
        "/studio/logs": "/aws/sagemaker/TrainingJobs",
        "/studio/audit": "CreateTrainingJob",
        "/studio/usage": "Usage",
        "/studio/logs/aws/sagemaker/TrainingJobs": "train-logloss",
        "/studio/buckets": BUCKET,
        f"/studio/buckets/{BUCKET}/": "train/",
        f"/studio/buckets/{BUCKET}/train/data.csv": "3 columns",
        f"/studio/upload?bucket={BUCKET}&prefix=train/": "success_action_redirect",
        f"/studio/search?q={world.job}": world.job,
        "/studio/search?q=max_depth=3": world.job,
        "/studio/guide": "What is your data?",
        "/studio/guide?data=table&goal=class": "sagewright examples run tabular_xgboost",
        f"/studio/guide?from=s3://{BUCKET}/train/": "The first column",
        "/studio/guide?from=s3://no-bucket-of-this-name/": "does not exist",
        "/studio/guide?from=here": "must begin with s3://",
        "/studio/trackers": "MLflow servers",
        "/studio/shadow-tests": "Shadow tests",
        "/studio/rules": "Rules",
        "/studio/clarify": "Analyses",
        "/studio/monitors": "Monitors",
        "/studio/wrangler": "yet",
        "/studio/notebooks": "yet",
        "/studio/jumpstart": "sagewright-tc-minilm-l6",
        "/studio/solutions": "sagewright solutions run churn",
    }
    wrong = {
        path: (answer.status, text)
        for path, text in expected.items()
        if (answer := browser.get(path)).status != 200 or text not in answer.text
    }
    assert not wrong


def test_names_that_nothing_has_are_not_found(browser: Any) -> None:
    for path in (
        "jobs",
        "tuning",
        "processing",
        "transform",
        "models",
        "endpoints",
        "functions",
        "alarms",
        "pipelines",
        "experiments",
    ):
        answer = browser.get(f"/studio/{path}/nothing-of-this-name")
        assert answer.status == 404, path
        assert "could not be read" in answer.text


def test_html_of_users_stays_text(browser: Any, world: World) -> None:
    folder = browser.get(f"/studio/buckets/{BUCKET}/odd/").text
    pages = [
        folder,
        *(
            browser.get(path).text
            for path in (
                f"/studio/models/{world.group}",
                "/studio/alarms/studio-alarm",
                f"/studio/models/{world.group}/1",
            )
        ),
    ]
    for text in pages:
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_an_object_that_is_a_page_has_no_part_in_studio(browser: Any, server: Any, world: World) -> None:
    s3 = server.boto("s3")
    s3.put_object(Bucket=BUCKET, Key="page.html", Body=b"<script>fetch('/studio')</script>", ContentType="text/html")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "page.html"})
    answer = browser.get(url[len(browser.url) :], Accept="text/html")
    assert answer.status == 200
    assert answer.headers["content-security-policy"] == "sandbox"
    assert f"/studio/open?bucket={BUCKET}&amp;key=page.html" in browser.get(f"/studio/buckets/{BUCKET}/page.html").text
    opened = browser.get(f"/studio/open?bucket={BUCKET}&key=page.html")
    assert opened.status == 303
    shown = browser.get(opened.headers["location"][len(browser.url) :], Accept="text/html")
    assert shown.headers["content-security-policy"] == "sandbox"
    assert "content-disposition" not in shown.headers


def test_a_folder_is_found_without_its_slash(browser: Any, server: Any, world: World) -> None:
    """Outputs of jobs name their folders so; what only begins with the name is not in it."""
    s3 = server.boto("s3")
    for key in ("results/part.csv", "results-of-old/part.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"a,b\n")
    found = json.loads(browser.get(f"/studio/buckets/{BUCKET}/results?format=json").text)
    assert (found["prefix"], [one["name"] for one in found["entries"]]) == ("results/", ["part.csv"])
    found = json.loads(browser.get(f"/studio/buckets/{BUCKET}/resu?format=json").text)
    assert [one["name"] for one in found["entries"]] == ["results-of-old/", "results/"]
    assert "Nothing here" in browser.get(f"/studio/buckets/{BUCKET}/none/at/all").text


def test_each_list_and_page_has_its_twins(browser: Any, world: World) -> None:
    found = json.loads(browser.get("/studio/jobs.json").text)
    assert world.job in [row["name"] for row in found["rows"]]
    rows = list(csv.reader(io.StringIO(browser.get("/studio/jobs.csv").text)))
    assert rows[0][0] == "Name"
    assert world.job in [row[0] for row in rows]
    job = json.loads(browser.get(f"/studio/jobs/{world.job}.json").text)
    assert job["status"] == "Completed"
    assert ["max_depth", "3"] in job["parameters"]
    folder = list(csv.reader(io.StringIO(browser.get(f"/studio/buckets/{BUCKET}/train/?format=csv").text)))
    assert folder[1][0] == "train/data.csv"


def test_filters_and_order_are_in_the_address(browser: Any, world: World) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in json.loads(browser.get(f"/studio/jobs.json?{query}").text)["rows"]]

    assert world.failed not in names("status=Completed")
    assert names("q=max_depth%3D-4") == [world.failed]
    assert world.job in names("q=train:logloss%3E0.0001&sort=-m.train:logloss")
    assert names("q=nothing-has-this-name") == []
    assert "Nothing matches" in browser.get("/studio/jobs?q=nothing-has-this-name").text


def test_pages_show_their_calls_as_code(browser: Any, world: World) -> None:
    text = browser.get(f"/studio/jobs/{world.job}").text
    assert f"describe_training_job(TrainingJobName=&#39;{world.job}&#39;)" in text
    assert f"aws sagemaker describe-training-job --training-job-name {world.job}" in text
    assert "ModelTrainer(" in text
    assert "Estimator(" in text


def test_a_version_is_approved_with_a_note(browser: Any, world: World, server: Any) -> None:
    path = f"/studio/models/{world.group}"
    answer = browser.press(path, "Approve", ApprovalDescription="checked by hand")
    assert answer.status == 303
    assert "Approved studio-group, version 2" in browser.get(path).text
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{world.group}/2"
    found = server.boto("sagemaker").describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "checked by hand")


def test_a_job_is_cloned_and_a_fault_keeps_what_was_typed(browser: Any, world: World, server: Any) -> None:
    page = browser.get(f"/studio/jobs/new?from={world.job}").text
    fields = {
        name: _unescaped(value) for name, value in re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page)
    }
    fields |= {"instance": "ml.m5.large", "name": f"studio-clone-{time.time_ns()}", "h.max_depth": "-7"}
    fields.pop("spot", None)
    answer = browser.post("/studio/jobs/new", fields)
    assert answer.status == 200
    assert "The job was not created" in answer.text
    assert 'value="-7"' in answer.text
    answer = browser.post("/studio/jobs/new", {**fields, "h.max_depth": "2", "token": browser.token()})
    assert answer.headers["location"] == f"/studio/jobs/{fields['name']}"
    assert server.wait(fields["name"])["TrainingJobStatus"] == "Completed"
    described = server.boto("sagemaker").describe_training_job(TrainingJobName=fields["name"])
    assert described["HyperParameters"]["max_depth"] == "2"


def _unescaped(text: str) -> str:
    import html

    return html.unescape(text)


def test_chosen_rows_are_deleted_together(browser: Any, server: Any) -> None:
    names = [f"studio-alarm-{at}" for at in range(3)]
    for name in names:
        server.boto("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="Mine",
            MetricName="x",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    assert browser.press("/studio/alarms", "Delete", pick=names[:2]).status == 303
    left = server.boto("cloudwatch").describe_alarms(AlarmNamePrefix="studio-alarm-")["MetricAlarms"]
    assert [one["AlarmName"] for one in left] == names[2:]


def test_chosen_rows_are_tagged_together(browser: Any, world: World, server: Any) -> None:
    chosen = [world.job, world.failed]
    answer = browser.press("/studio/jobs", "Tag", pick=chosen, **{"Tags[].Key": "kept", "Tags[].Value": "a b"})
    assert (answer.status, answer.headers["location"]) == (303, "/studio/jobs")
    assert "Tagged 2" in browser.get("/studio/jobs").text
    for name in chosen:
        arn = server.boto("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobArn"]
        assert {"Key": "kept", "Value": "a b"} in server.boto("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    browser.press("/studio/jobs", "Tag", pick=["nothing"], **{"Tags[].Key": "kept", "Tags[].Value": "x"})
    assert "notice fail" in browser.get("/studio/jobs").text


def test_an_operation_that_refuses_says_why(browser: Any, world: World) -> None:
    again = browser.post(
        "/studio/act",
        {
            "token": browser.token(),
            "call": json.dumps(
                ["sagemaker", "StopTrainingJob", {"TrainingJobName": world.job}, [], "", "x", "/studio/jobs"]
            ),
        },
    )
    assert again.status == 303
    assert "ValidationException" in browser.get("/studio/jobs").text


@pytest.mark.parametrize(
    "call", ["", "[]", "{}", "null", '["sagemaker","Nothing",{},[],"","",""]', '["s3","ListBuckets",5,[],"","",""]']
)
def test_forms_of_no_page_are_refused(browser: Any, call: str) -> None:
    answer = browser.post("/studio/act", {"token": browser.token(), "call": call})
    assert answer.status in (303, 400)
    assert browser.get("/studio").status == 200


def test_boto3_signs_in(server: Any, stranger: Any) -> None:
    sagemaker = server.boto("sagemaker")
    domain = sagemaker.list_domains()["Domains"][0]
    assert sagemaker.describe_domain(DomainId=domain["DomainId"])["Status"] == "InService"
    profile = sagemaker.list_user_profiles(DomainIdEquals=domain["DomainId"])["UserProfiles"][0]["UserProfileName"]
    url = sagemaker.create_presigned_domain_url(
        DomainId=domain["DomainId"], UserProfileName=profile, LandingUri="studio::jobs"
    )["AuthorizedUrl"]
    path = url[len(server.endpoint) :]
    answer = stranger.get(path)
    assert (answer.status, answer.headers["location"]) == (303, "/studio/jobs")
    assert stranger.get("/studio/jobs").status == 200
    stranger.cookies.clear()
    assert stranger.get(path).status == 403
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.create_presigned_domain_url(DomainId="d-other", UserProfileName=profile)


def test_an_object_names_the_jobs_that_read_it(server: Any, browser: Any, world: World) -> None:
    end = time.monotonic() + 60
    while not (users := json.loads(browser.get(f"/studio/buckets/{BUCKET}/train/data.csv?format=json").text)["users"]):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert {"verb": "reads", "kind": "Training job", "name": world.job, "link": f"/studio/jobs/{world.job}"} in users


def test_jobs_are_archived_and_brought_back(browser: Any, world: World) -> None:

    def listed(query: str = "") -> bool:
        return f'id="r-{world.failed}"' in browser.get(f"/studio/jobs{query}").text

    assert listed()
    assert browser.press("/studio/jobs", "Archive", pick=world.failed).status == 303
    assert (listed(), listed("?archived=1")) == (False, True)
    assert browser.press("/studio/jobs?archived=1", "Bring back", pick=world.failed).status == 303
    assert (listed(), listed("?archived=1")) == (True, False)
