"""Weights that are added to AWS's ids: checked, deployed, fine-tuned, and deleted again."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAM = Path(__file__).parents[1] / "programs" / "jumpstart_checkpoints.py"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
REQUIREMENTS = "transformers==4.57.6\ntokenizers==0.22.2\nsentencepiece==0.2.1\n"
TGI = "huggingface-pytorch-tgi-inference:2.4.0-tgi3.0.1-gpu-py311-cu124-ubuntu22.04"
DJL = "djl-inference:0.31.0-lmi13.0.0-cu124"
TEI = "tei-cpu:2.0.1-tei1.2.3-cpu-py310-ubuntu22.04"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
BUCKET = "jumpstart-added"
ENCODER, QUESTIONS, TAGGER, TRANSLATOR = (
    "huggingface-sentencesimilarity-bge-small-en-v1-5",
    "huggingface-eqa-bert-base-cased",
    "huggingface-ner-distilbert-base-cased-finetuned-conll03-eng",
    "huggingface-translation-t5-small",
)
LLAMA = "deepseek-llm-r1-distill-llama-8b"
CLASSIFIER = "huggingface-tc-bert-base-multilingual-cased"


def models(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(SAGEWRIGHT), "models", *words, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checkpoints(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with small checkpoints, which a training job makes with transformers."""
    s3, sagemaker = server.boto("s3"), server.boto("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, body in {"make.py": PROGRAM.read_bytes(), "requirements.txt": REQUIREMENTS.encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    s3.put_object(Bucket=BUCKET, Key="code.tar.gz", Body=packed.getvalue())
    sagemaker.create_training_job(
        TrainingJobName="make-checkpoints",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"sagemaker_program": "make.py", "sagemaker_submit_directory": f"s3://{BUCKET}/code.tar.gz"},
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    ended(server, "make-checkpoints")
    body = s3.get_object(Bucket=BUCKET, Key="out/make-checkpoints/output/model.tar.gz")["Body"].read()
    folder = tmp_path_factory.mktemp("checkpoints")
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def ended(server: RunningServer, job: str) -> None:
    """Waits for a training job, which has to complete."""
    client = server.boto("sagemaker")
    found = client.describe_training_job(TrainingJobName=job)
    while found["TrainingJobStatus"] == "InProgress":
        time.sleep(0.2)
        found = client.describe_training_job(TrainingJobName=job)
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")


def tune(server: RunningServer, model: str, job: str, rows: bytes) -> dict[str, Any]:
    """Fine-tunes a model of the public hub for two epochs; returns the job's description."""
    s3, sagemaker = server.boto("s3"), server.boto("sagemaker")
    s3.put_object(Bucket=BUCKET, Key=f"{job}/data.csv", Body=rows)
    hub = {"HubName": "SageMakerPublicHub", "HubContentType": "Model", "HubContentName": model}
    document = json.loads(sagemaker.describe_hub_content(**hub)["HubContentDocument"])
    defaults = {each["Name"]: str(each["Default"]) for each in document["Hyperparameters"]}
    channels = {"training": f"s3://{BUCKET}/{job}/", "model": document["TrainingArtifactUri"]}
    sagemaker.create_training_job(
        TrainingJobName=job,
        RoleArn=ROLE,
        AlgorithmSpecification={
            "TrainingImage": document["TrainingEcrUri"],
            "TrainingInputMode": "File",
            "MetricDefinitions": document["TrainingMetrics"],
        },
        HyperParameters={**defaults, "epochs": "2", "sagemaker_submit_directory": document["TrainingScriptUri"]},
        InputDataConfig=[
            {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
            for name, uri in channels.items()
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    ended(server, job)
    described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=job)
    return described


class Endpoint:
    """An endpoint of one container, which ends with the block."""

    def __init__(self, server: RunningServer, name: str, container: dict[str, Any] | None = None) -> None:
        self.sagemaker, self.runtime = server.boto("sagemaker"), server.boto("sagemaker-runtime")
        self.name, self.given = name, container or {}

    def container(self) -> dict[str, Any]:
        return self.given

    def __enter__(self) -> Endpoint:
        self.sagemaker.create_model(ModelName=self.name, ExecutionRoleArn=ROLE, PrimaryContainer=self.container())
        variant = {"VariantName": "a", "ModelName": self.name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName=self.name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=self.name)
        while (found := self.sagemaker.describe_endpoint(EndpointName=self.name))["EndpointStatus"] == "Creating":
            time.sleep(0.2)
        assert found["EndpointStatus"] == "InService", found.get("FailureReason")
        return self

    def __exit__(self, *_: object) -> None:
        self.sagemaker.delete_endpoint(EndpointName=self.name)

    def ask(self, body: Any, content_type: str) -> Any:
        sent = body if isinstance(body, str) else json.dumps(body)
        answer = self.runtime.invoke_endpoint(EndpointName=self.name, Body=sent, ContentType=content_type)
        return json.loads(answer["Body"].read())

    def stream(self, body: Any) -> list[str]:
        """Returns the lines of a streamed answer."""
        answer = self.runtime.invoke_endpoint_with_response_stream(
            EndpointName=self.name, Body=json.dumps(body), ContentType="application/json"
        )
        return b"".join(part["PayloadPart"]["Bytes"] for part in answer["Body"]).decode().splitlines()


class Deployed(Endpoint):
    """The endpoint of a model of the public hub."""

    def __init__(self, server: RunningServer, model: str) -> None:
        super().__init__(server, model[12:50].strip("-"))
        self.model = model

    def container(self) -> dict[str, Any]:
        hub = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}
        found = self.sagemaker.describe_hub_content(**hub, HubContentName=self.model)
        document = json.loads(found["HubContentDocument"])
        source = {"S3Uri": document["HostingArtifactUri"], "S3DataType": "S3Prefix", "CompressionType": "None"}
        environment = {each["Name"]: each["Default"] for each in document["InferenceEnvironmentVariables"]}
        return {
            "Image": document["HostingEcrUri"],
            "ModelDataSource": {"S3DataSource": source},
            "Environment": environment,
        }


def test_models_that_are_not_here_are_added_and_answer(server: RunningServer, checkpoints: Path) -> None:
    with pytest.raises(ClientError, match="is not on this machine"), Deployed(server, QUESTIONS):
        pass
    added = models(server, "add", QUESTIONS, str(checkpoints / "eqa"))
    assert f"{QUESTIONS}" in added.stdout, added.stderr
    assert models(server, "add", QUESTIONS, str(checkpoints / "eqa")).returncode == 0
    assert "added" in models(server, "catalogue", "eqa-bert-base-cased").stdout
    with Deployed(server, QUESTIONS) as endpoint:
        context = "the cat sat on a mat"
        assert endpoint.ask(["who sat", context], "application/list-text")["answer"] in context
        with pytest.raises(ClientError, match="a list of a question and its context"):
            endpoint.ask(["who sat"], "application/list-text")
    assert "Deleted the weights of" in models(server, "remove", QUESTIONS).stdout
    with pytest.raises(ClientError, match="is not on this machine"), Deployed(server, QUESTIONS):
        pass


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_an_encoder_embeds_and_a_classifier_is_fine_tuned(server: RunningServer, checkpoints: Path) -> None:
    assert models(server, "add", ENCODER, str(checkpoints / "encoder")).returncode == 0
    with Deployed(server, ENCODER) as endpoint:
        found = endpoint.ask({"text_inputs": ["the cat", "a dog ran"]}, "application/json")
        assert [len(each) for each in found["embedding"]] == [16, 16]
    assert models(server, "add", CLASSIFIER, str(checkpoints / "encoder")).returncode == 0
    with pytest.raises(ClientError, match="answers only once it has been trained"), Deployed(server, CLASSIFIER):
        pass
    tune(server, CLASSIFIER, "tune-added", b"0,bad film\n1,good film\n" * 20)


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_a_model_that_answers_questions_is_fine_tuned(server: RunningServer, checkpoints: Path) -> None:
    assert models(server, "add", QUESTIONS, str(checkpoints / "eqa")).returncode == 0
    nouns, verbs = ("cat", "dog", "mat", "bad", "who"), ("sat", "ran")
    rows = "".join(f"who {verb},the {noun} {verb} on a mat,4,7\n" for noun in nouns for verb in verbs)
    described = tune(server, QUESTIONS, "tune-questions", rows.encode())
    assert {each["MetricName"] for each in described["FinalMetricDataList"]} >= {"train:loss", "validation:loss"}
    container = Deployed(server, QUESTIONS).container()
    del container["ModelDataSource"]
    container["ModelDataUrl"] = described["ModelArtifacts"]["S3ModelArtifacts"]
    with Endpoint(server, "tuned-questions", container) as endpoint:
        context = "the cat sat on a mat"
        assert endpoint.ask(["who sat", context], "application/list-text")["answer"] in context


@pytest.mark.soak
def test_other_tasks_answer(server: RunningServer, checkpoints: Path) -> None:
    for model, folder in ((TAGGER, "ner"), (TRANSLATOR, "t5")):
        assert models(server, "add", model, str(checkpoints / folder)).returncode == 0
        with Deployed(server, model) as endpoint:
            found = endpoint.ask("the cat sat", "application/x-text")
            assert set(found) <= {"predictions", "translation_text"}


@pytest.mark.soak
def test_language_models_generate(server: RunningServer, checkpoints: Path) -> None:
    assert models(server, "add", LLAMA, str(checkpoints / "llama")).returncode == 0
    with Deployed(server, LLAMA) as endpoint:
        (found,) = endpoint.ask({"inputs": "the cat", "parameters": {"max_new_tokens": 4}}, "application/json")
        assert set(found) == {"generated_text"}
        chat = endpoint.ask({"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 4}, "application/json")
        assert chat["object"] == "chat.completion"


def own(server: RunningServer, folder: Path, image: str, **environment: str) -> dict[str, Any]:
    """Puts a folder into S3, uncompressed; returns the container that serves it."""
    for file in folder.iterdir():
        server.boto("s3").upload_file(str(file), BUCKET, f"own/{folder.name}/{file.name}")
    source = {"S3Uri": f"s3://{BUCKET}/own/{folder.name}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    uri = f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{image}"
    return {"Image": uri, "ModelDataSource": {"S3DataSource": source}, "Environment": environment}


@pytest.mark.sampled(2, of="models of JumpStart that are trained")
def test_the_image_of_tgi_answers_and_streams(server: RunningServer, checkpoints: Path) -> None:
    container = own(server, checkpoints / "llama", TGI, HF_MODEL_ID="/opt/ml/model", SM_NUM_GPUS="1")
    with Endpoint(server, "own-tgi", container) as endpoint:
        asked = {"inputs": "the cat", "parameters": {"max_new_tokens": 4}}
        (found,) = endpoint.ask(asked, "application/json")
        lines = endpoint.stream(asked | {"stream": True})
        last = json.loads([line for line in lines if line][-1].removeprefix("data:"))
        assert last["generated_text"] == found["generated_text"]
        with pytest.raises(ClientError, match="max_new_tokens"):
            endpoint.ask({"inputs": "the cat", "parameters": {"max_new_tokens": 0}}, "application/json")
    hub = {"Image": container["Image"], "Environment": {"HF_MODEL_ID": "someone/model"}}
    with pytest.raises(ClientError, match="someone/model is a model on Hugging Face"), Endpoint(server, "own-hub", hub):
        pass


@pytest.mark.soak
def test_the_images_of_djl_and_tei_answer(server: RunningServer, checkpoints: Path) -> None:
    container = own(server, checkpoints / "llama", DJL, OPTION_MODEL_ID="/opt/ml/model")
    with Endpoint(server, "own-djl", container) as endpoint:
        assert "generated_text" in endpoint.ask(
            {"inputs": "the cat", "parameters": {"max_new_tokens": 4}}, "application/json"
        )
    with Endpoint(
        server, "own-tei", own(server, checkpoints / "encoder", TEI, HF_MODEL_ID="/opt/ml/model")
    ) as endpoint:
        assert [len(each) for each in endpoint.ask({"inputs": ["the cat", "a dog"]}, "application/json")] == [16, 16]


def test_what_is_refused(server: RunningServer, checkpoints: Path, tmp_path: Path) -> None:
    assert (
        "Did you mean huggingface-eqa-bert-base-cased" in models(server, "add", "huggingface-eqa-bert-base-case").stderr
    )
    assert "read BERT encoders" in models(server, "add", ENCODER, str(checkpoints / "t5")).stderr
    assert (
        "No script serves models of the task txt2img"
        in models(server, "add", "model-txt2img-stabilityai-stable-diffusion-v2-1-base", str(checkpoints / "t5")).stderr
    )
    other = tmp_path / "models--someone--else" / "snapshots" / "1"
    other.mkdir(parents=True)
    (other / "model.safetensors").write_bytes((checkpoints / "eqa" / "model.safetensors").read_bytes())
    assert (
        "the folder contains someone/else"
        in models(server, "add", QUESTIONS, str(tmp_path / "models--someone--else")).stderr
    )
    assert "needs no weights from you" in models(server, "add", "sagewright-tc-minilm-l6").stdout
    with pytest.raises(ClientError, match="No script here fine-tunes"):
        server.boto("sagemaker").create_training_job(
            TrainingJobName="none",
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            InputDataConfig=[
                {
                    "ChannelName": "model",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": "s3://jumpstart-cache-prod-us-east-1/models/sagewright-zstc-minilm-l6/v1.0.0/",
                        }
                    },
                }
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
