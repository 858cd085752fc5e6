"""JumpStart's catalogue through SDK v3's own classes: each hub document, a trainer, and a builder of an endpoint."""

import json

import boto3
from sagemaker.core.jumpstart import JumpStartConfig
from sagemaker.core.jumpstart.models import HubContentDocument
from sagemaker.core.jumpstart.notebook_utils import list_jumpstart_models
from sagemaker.serve import ModelBuilder
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.train import ModelTrainer

sagemaker = boto3.client("sagemaker")
PUBLIC = {"HubName": "SageMakerPublicHub", "HubContentType": "Model"}


def pages(**request):
    while True:
        page = sagemaker.list_hub_contents(**PUBLIC, MaxResults=100, **request)
        yield from page["HubContentSummaries"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


names = [each["HubContentName"] for each in pages()]
print("contents:", len(names), names == sorted(names))
for name in names:
    found = sagemaker.describe_hub_content(**PUBLIC, HubContentName=name)
    document = HubContentDocument(**json.loads(found["HubContentDocument"]))
    unknown = set(json.loads(found["HubContentDocument"])) - set(HubContentDocument.model_fields)
    assert unknown <= {"HostingPrepackedArtifactUri", "HostingPrepackedArtifactVersion"}, unknown  # read by v2 alone
    assert document.TrainingSupported == bool(document.TrainingScriptUri)
print("models:", len(list_jumpstart_models()))

trainer = ModelTrainer.from_jumpstart_config(JumpStartConfig(model_id="sagewright-tc-minilm-l6"))
print(
    "trainer:",
    trainer.training_image.partition("/")[2],
    trainer.hyperparameters["epochs"],
    trainer.source_code.entry_script,
)
print("channel:", trainer.input_data_config[0].channel_name)
gated = JumpStartConfig(model_id="meta-textgeneration-llama-2-7b")
try:
    ModelTrainer.from_jumpstart_config(gated)
except ValueError as error:
    print("gated:", str(error).split(".")[0])
try:
    ModelTrainer.from_jumpstart_config(JumpStartConfig(model_id="nothing-of-that-name"))
except sagemaker.exceptions.ResourceNotFound as error:
    print("missing:", error)

builder = ModelBuilder.from_jumpstart_config(
    JumpStartConfig(model_id="huggingface-textembedding-all-MiniLM-L6-v2"),
)
builder.build()
endpoint = builder.deploy(endpoint_name="built-minilm")
answer = endpoint.invoke(body=json.dumps({"text_inputs": ["a", "b"]}), content_type="application/json")
print("embedding:", len(json.loads(answer.body.read())["embedding"]))
endpoint.delete()
