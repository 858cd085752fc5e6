"""Endpoints that explain their predictions, driven by boto3: a built-in XGBoost model, a script that is asked for scores."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE
from tests.hosting import BUCKET, Hosting, archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TEXT = {"Language": "en", "Granularity": "token"}
WORDS = """
    def model_fn(directory):
        return None
    def input_fn(body, content_type):
        import csv, io
        return list(csv.reader(io.StringIO(body.decode() if isinstance(body, bytes) else body)))
    def predict_fn(rows, model):
        return [row[0].split().count("good") / 4 + float(row[1]) / 8 for row in rows]
    def output_fn(answers, accept):
        return "".join(f"{one}\\n" for one in answers), "text/csv"
"""
LINES = """
    import json
    def model_fn(directory):
        return None
    def input_fn(body, content_type):
        text = body.decode() if isinstance(body, bytes) else body
        return [json.loads(line)["features"] for line in text.splitlines()]
    def predict_fn(rows, model):
        if any(row[0] == "bad" for row in rows):
            raise ValueError("a bad town")
        return [{"probability": (row[0] == "x") * 0.25 + row[1] * row[2] / 4} for row in rows]
    def output_fn(answers, accept):
        return "".join(json.dumps(one) + "\\n" for one in answers), accept
"""


def stump(number: int, feature: int, threshold: float, left: float, right: float) -> dict[str, Any]:
    """A tree with one split, in XGBoost's JSON."""
    unused = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
    return {
        "id": number,
        "tree_param": {"num_nodes": "3", "num_deleted": "0", "num_feature": "4", "size_leaf_vector": "1"},
        "parents": [2147483647, 0, 0],
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "split_indices": [feature, 0, 0],
        "default_left": [1, 0, 0],
        "split_conditions": [threshold, left, right],
        "split_type": [0, 0, 0],
        "loss_changes": [1.0, 0.0, 0.0],
        "sum_hessian": [2.0, 1.0, 1.0],
        "base_weights": [0.0, left, right],
        **{name: [] for name in unused},
    }


def booster(high: float = 3.0) -> str:
    """0.5, and 1 more or less by the first feature, and `high` more if the third is at least 10."""
    trees = [stump(0, 0, 0.5, -1.0, 1.0), stump(1, 2, 10.0, 0.0, high)]
    parameters = {"num_trees": "2", "num_parallel_tree": "1", "size_leaf_vector": "0"}
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {
            "name": "gbtree",
            "model": {"gbtree_model_param": parameters, "trees": trees, "tree_info": [0, 0]},
        },
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "4", "num_target": "1"},
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    return json.dumps({"version": [1, 7, 6], "learner": learner})


def explainer(shap: dict[str, Any] | None = None, baseline: str = "0,0,0,0", **members: Any) -> dict[str, Any]:
    more = dict(shap or {})
    settings = {"ShapBaselineConfig": {"ShapBaseline": baseline, **more.pop("of_baseline", {})}, **more}
    return {"ClarifyExplainerConfig": {"ShapConfig": settings, **members}}


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


@pytest.fixture(scope="module")
def trees(hosting: Hosting) -> str:
    hosting.s3.put_object(Bucket=BUCKET, Key="trees/model.tar.gz", Body=archive({"xgboost-model": booster()}))
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/trees/model.tar.gz"}
    hosting.create_model("trees", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    described = hosting.endpoint(
        "trees",
        hosting.variant("only", "trees"),
        ExplainerConfig=explainer(InferenceConfig={"FeatureHeaders": ["a", "b", "c", "d"]}),
    )
    assert described["ExplainerConfig"] == explainer(InferenceConfig={"FeatureHeaders": ["a", "b", "c", "d"]})
    return "trees"


@pytest.fixture(scope="module")
def script(hosting: Hosting) -> str:
    hosting.model("lines", LINES)
    inference = {
        "FeaturesAttribute": "features",
        "ContentTemplate": '{"features":$features}',
        "ProbabilityAttribute": "probability",
        "LabelHeaders": ["yes"],
        "MaxRecordCount": 3,
    }
    shap = {"of_baseline": {"MimeType": "application/jsonlines"}}
    hosting.endpoint(
        "lines",
        hosting.variant("only", "lines"),
        ExplainerConfig=explainer(
            shap,
            '{"features":["y",0,0]}',
            EnableExplanations="probability > `0.3`",
            InferenceConfig=inference,
        ),
    )
    return "lines"


@pytest.fixture(scope="module")
def plain(hosting: Hosting) -> str:
    return hosting.model("plain")


def test_the_command_explains_a_record(hosting: Hosting, trees: str) -> None:
    argv = [str(Path(sys.executable).parent / "sagewright"), "explain", trees, "--data", str(hosting.server.data)]
    done = subprocess.run([*argv, "--record", "1,0,12,0"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert re.search(r"c +12 +\+3 ", done.stdout), done.stdout
    assert re.search(r"a +1 +\+2 ", done.stdout), done.stdout
    done = subprocess.run([*argv, "--record", "1"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("sagewright: ")


def ask(hosting: Hosting, name: str, body: str, media: str = "text/csv", **more: Any) -> dict[str, Any]:
    answer = hosting.runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType=media, Accept=media, **more)
    assert answer["ContentType"] == "application/json"
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


def refused(hosting: Hosting, name: str, body: str, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        hosting.runtime.invoke_endpoint(EndpointName=name, Body=body, **request)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    return str(caught.value.response["Error"]["Message"])


def values(record: list[dict[str, Any]]) -> list[float]:
    assert all(len(one["attributions"]) == 1 and len(one["attributions"][0]["attribution"]) == 1 for one in record)
    return [round(one["attributions"][0]["attribution"][0], 6) for one in record]


def test_trees_are_explained_from_their_artefact(hosting: Hosting, trees: str) -> None:
    found = ask(hosting, trees, "1,2,3,4\n0,2,30,4\n")
    assert found["version"] == "1.0"
    assert found["predictions"] == {"content_type": "text/csv", "data": "1.5\n2.5\n"}
    first, second = found["explanations"]["kernel_shap"]
    assert [one["feature_header"] for one in first] == ["a", "b", "c", "d"]
    assert values(first) == [2, 0, 0, 0]
    assert values(second) == [0, 0, 3, 0]
    assert "label_headers" not in found
    assert "feature_type" not in first[0]


def test_each_model_of_a_multi_model_container_is_explained(hosting: Hosting) -> None:
    for name, high in (("three", 3.0), ("five", 5.0)):
        packed = archive({"xgboost-model": booster(high)})
        hosting.s3.put_object(Bucket=BUCKET, Key=f"towns/{name}.tar.gz", Body=packed)
    container = {"Image": XGBOOST, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/towns/"}
    hosting.create_model("towns", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    hosting.endpoint("towns", hosting.variant("only", "towns"), ExplainerConfig=explainer(baseline="0,0,30,0"))
    for name, high in (("three", 3), ("five", 5), ("three", 3)):
        found = ask(hosting, "towns", "1,2,3,4\n0,2,30,4\n", TargetModel=f"{name}.tar.gz")
        assert found["predictions"]["data"] == f"1.5,{high - 0.5}"  # in one line, as on AWS
        first, second = found["explanations"]["kernel_shap"]
        assert values(first) == [2, 0, -high, 0]
        assert values(second) == [0, 0, 0, 0]


def test_without_accept_the_models_own_type_counts(hosting: Hosting, trees: str) -> None:
    answer = hosting.runtime.invoke_endpoint(EndpointName=trees, Body="1,2,3,4\n", ContentType="text/csv")
    (record,) = json.loads(answer["Body"].read())["explanations"]["kernel_shap"]
    assert values(record) == [2, 0, 0, 0]


def test_the_header_overrides_the_configuration(hosting: Hosting, trees: str) -> None:
    found = ask(hosting, trees, "1,2,3,4\n0,2,30,4\n", EnableExplanations="[0] > `2`")
    first, second = found["explanations"]["kernel_shap"]
    assert first is None
    assert values(second) == [0, 0, 3, 0]
    assert ask(hosting, trees, "1,2,3,4\n", EnableExplanations="`false`")["explanations"] == {}


def test_a_script_is_asked_for_the_scores_of_coalitions(hosting: Hosting, script: str) -> None:
    lines = '{"features":["x",1,2]}\n{"features":["y",1,1]}\n{"features":["y",2,2]}\n'
    found = ask(hosting, script, lines, "application/jsonlines")
    assert found["label_headers"] == ["yes"]
    first, second, third = found["explanations"]["kernel_shap"]
    assert values(first) == [0.25, 0.25, 0.25]
    assert second is None  # its probability is 0.25
    assert values(third) == [0, 0.5, 0.5]
    assert "feature_header" not in first[0]


def test_texts_are_explained_by_their_pieces(hosting: Hosting) -> None:
    hosting.model("words", WORDS)
    inference = {"FeatureTypes": ["text", "numerical"], "FeatureHeaders": ["Review", "Stars"]}
    config = explainer({"TextConfig": TEXT}, "<UNK>,0", InferenceConfig=inference)
    hosting.endpoint("words", hosting.variant("only", "words"), ExplainerConfig=config)
    found = ask(hosting, "words", '"a good, good film",2\n')
    ((review, stars),) = found["explanations"]["kernel_shap"]
    assert (review["feature_header"], review["feature_type"]) == ("Review", "text")
    assert (stars["feature_header"], stars["feature_type"]) == ("Stars", "numerical")
    pieces = [(one["description"], round(one["attribution"][0], 6)) for one in review["attributions"]]
    assert pieces[0] == ({"partial_text": "a", "start_idx": 0}, 0)
    assert ({"partial_text": "good", "start_idx": 8}, 0.25) in pieces
    assert round(stars["attributions"][0]["attribution"][0], 6) == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ContentType": "text/libsvm"}, "ContentType must be one of text/csv, application/jsonlines"),
        ({"Accept": "application/json"}, "Accept must be one of text/csv, application/jsonlines"),
        ({"EnableExplanations": "[0] >"}, "EnableExplanations"),
        ({"EnableExplanations": "[0]"}, "must select records by true or false; [0] gives -0.5 for record 0"),
    ],
)
def test_requests_that_can_not_be_explained(
    hosting: Hosting, trees: str, changes: dict[str, str], message: str
) -> None:
    request = {"ContentType": "text/csv", "Accept": "text/csv"} | changes
    body = "0:0 1:2" if "libsvm" in request["ContentType"] else "0,2,3,4"
    assert message in refused(hosting, trees, body, **request)


def test_a_models_own_error_is_a_model_error(hosting: Hosting, script: str) -> None:
    with pytest.raises(ClientError, match="a bad town") as caught:
        ask(hosting, script, '{"features":["bad",1,2]}\n', "application/jsonlines")
    assert caught.value.response["Error"]["Code"] == "ModelError"


def test_endpoints_without_explainer_refuse_the_header(hosting: Hosting) -> None:
    hosting.model("silent")
    hosting.endpoint("silent", hosting.variant("only", "silent"))
    message = refused(hosting, "silent", "x", ContentType="text/plain", EnableExplanations="`true`")
    assert "needs an endpoint with an ExplainerConfig" in message


def test_predictions_with_explanations_are_not_streamed(hosting: Hosting, trees: str) -> None:
    with pytest.raises(ClientError, match="can't be streamed"):
        hosting.runtime.invoke_endpoint_with_response_stream(
            EndpointName=trees, Body=b"1,2,3,4", ContentType="text/csv"
        )


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (
            {"InferenceConfig": {"FeatureHeaders": ["a"], "FeatureTypes": ["text", "text"]}},
            {},
            "has 1 entries, and FeatureTypes 2",
        ),
        ({"InferenceConfig": {"FeatureTypes": ["text"]}}, {}, "a text, which needs the TextConfig"),
        (
            {"shap": {"TextConfig": TEXT}, "InferenceConfig": {"FeatureTypes": ["numerical"]}},
            {},
            "needs a feature of the type text",
        ),
        ({"InferenceConfig": {"ContentTemplate": "{}"}}, {}, r"must contain the placeholder \$features, got {}"),
        ({"InferenceConfig": {"FeatureHeaders": ["a", "a"]}}, {}, "must be unique: a is given twice"),
        ({"shap": {"of_baseline": {"ShapBaselineUri": "s3://b/k"}}}, {}, "got ShapBaseline and ShapBaselineUri"),
        ({"shap": {"of_baseline": {"MimeType": "image/png"}}}, {}, "got image/png"),
        (
            {},
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}},
            "not supported with AsyncInferenceConfig",
        ),
    ],
)
def test_configurations_that_contradict_themselves(
    hosting: Hosting, plain: str, config: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        hosting.config("wrong", hosting.variant("only", plain), ExplainerConfig=explainer(**config), **changes)


def test_an_invalid_expression_fails_the_creation(hosting: Hosting, plain: str) -> None:
    hosting.config(
        "wrong", hosting.variant("only", plain), ExplainerConfig=explainer(EnableExplanations="probability >")
    )
    with pytest.raises(ClientError, match="EnableExplanations of the ClarifyExplainerConfig is not a valid JMESPath"):
        hosting.sagemaker.create_endpoint(EndpointName="wrong", EndpointConfigName="wrong")
