"""JumpStart's pages: the catalogue, a model that is here and one that is not, and both forms."""

from __future__ import annotations

import html
import time
from typing import Any

HERE, AWAY, GATED = "sagewright-zstc-minilm-l6", "huggingface-tc-bert-base-cased", "meta-textgeneration-llama-2-7b"
TUNED = "sagewright-tc-minilm-l6"


def test_the_catalogue_is_filtered(browser: Any) -> None:
    whole = browser.get("/studio/jumpstart").text
    assert whole.index(HERE) < whole.index("autogluon-classification-ensemble")
    assert "Not here" in whole
    found = browser.get("/studio/jumpstart?task=tc&state=here").text
    assert TUNED in found
    assert AWAY not in found
    assert "Nothing matches" in browser.get("/studio/jumpstart?q=nothing-of-that-name").text
    later = browser.get("/studio/jumpstart?start=901").text
    assert "xgboost-classification-snowflake" in later
    assert HERE not in later.split("<tbody", 1)[1]


def test_a_model_says_what_it_needs(browser: Any) -> None:
    here = html.unescape(browser.get(f"/studio/jumpstart/{TUNED}").text)
    assert "It can be deployed once it has been fine-tuned" in here
    assert 'name="h.epochs"' in here
    assert "JumpStartEstimator" in here
    away = browser.get(f"/studio/jumpstart/{AWAY}").text
    assert f"sagewright models add {AWAY} FOLDER" in away
    assert f'action="/studio/jumpstart/{AWAY}' not in away
    assert browser.get("/studio/jumpstart/nothing").status == 404


def test_forms_that_are_refused_say_why(browser: Any) -> None:
    token = browser.token()
    answer = browser.post(
        f"/studio/jumpstart/{AWAY}/deploy", {"token": token, "endpoint": "away", "instance": "ml.m5.large"}
    )
    assert "is not on this machine. Add it once: sagewright models add" in html.unescape(answer.text)
    gated = browser.post(
        f"/studio/jumpstart/{GATED}/deploy", {"token": token, "endpoint": "gated", "instance": "ml.m5.large"}
    )
    assert "set AcceptEula" in html.unescape(gated.text)
    given = {
        "token": token,
        "job": "typed-job",
        "data": "s3://nothing-here/x/",
        "h.epochs": "7",
        "instance": "ml.m5.large",
    }
    tuned = html.unescape(browser.post(f"/studio/jumpstart/{TUNED}/fine-tune", given).text)
    assert 'No S3 objects found under S3 URL "s3://nothing-here/x/"' in tuned
    assert 'value="typed-job"' in tuned
    assert 'value="7"' in tuned


def test_both_forms_make_what_the_sdk_makes(server: Any, browser: Any) -> None:
    sagemaker, s3 = server.boto("sagemaker"), server.boto("s3")
    s3.create_bucket(Bucket="studio-tuned")
    s3.put_object(Bucket="studio-tuned", Key="train/data.csv", Body=b"0,bad\n1,good\n" * 4)
    token = browser.token()
    given = {
        "token": token,
        "job": "studio-tuned",
        "data": "s3://studio-tuned/train/",
        "h.epochs": "2",
        "instance": "ml.m5.large",
    }
    answer = browser.post(f"/studio/jumpstart/{TUNED}/fine-tune", given)
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/studio/jobs/studio-tuned")
    job = sagemaker.describe_training_job(TrainingJobName="studio-tuned")
    assert (job["HyperParameters"]["epochs"], job["HyperParameters"]["sagemaker_program"]) == (
        "2",
        "transfer_learning.py",
    )
    assert {each["ChannelName"] for each in job["InputDataConfig"]} == {"training", "model"}
    sagemaker.stop_training_job(TrainingJobName="studio-tuned")
    made = browser.post(
        f"/studio/jumpstart/{HERE}/deploy", {"token": token, "endpoint": "studio-zstc", "instance": "ml.m5.large"}
    )
    assert made.status == 303
    config = sagemaker.describe_endpoint(EndpointName="studio-zstc")["EndpointConfigName"]
    container = sagemaker.describe_model(ModelName=config)["PrimaryContainer"]
    assert container["ModelDataSource"]["S3DataSource"]["S3Uri"].endswith(f"models/{HERE}/v1.0.0/")
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    while (found := sagemaker.describe_endpoint(EndpointName="studio-zstc"))["EndpointStatus"] == "Creating":
        time.sleep(0.2)
    assert found["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName="studio-zstc")
