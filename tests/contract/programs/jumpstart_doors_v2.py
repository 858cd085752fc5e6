"""JumpStart's catalogue through SDK v2's own classes: lists, filters, each model's spec, and what is refused."""

from sagemaker import hyperparameters, image_uris, instance_types, metric_definitions, model_uris, script_uris
from sagemaker.jumpstart import utils
from sagemaker.jumpstart.constants import DEFAULT_JUMPSTART_SAGEMAKER_SESSION as SESSION
from sagemaker.jumpstart.enums import JumpStartModelType, JumpStartScriptScope
from sagemaker.jumpstart.model import JumpStartModel
from sagemaker.jumpstart.notebook_utils import (
    list_jumpstart_frameworks,
    list_jumpstart_models,
    list_jumpstart_scripts,
    list_jumpstart_tasks,
)

models = list_jumpstart_models()
print("models:", len(models))
print("ic:", "pytorch-ic-alexnet" in list_jumpstart_models(filter="task == ic"))
print("tasks:", {"tc", "ic", "llm", "asr"} <= set(list_jumpstart_tasks()))
print("frameworks:", {"huggingface", "sagewright"} <= set(list_jumpstart_frameworks()))
print("scripts:", list_jumpstart_scripts())
print("trainable:", "sagewright-tc-minilm-l6" in list_jumpstart_models(filter="training_supported == True"))

sold = set(list_jumpstart_models(filter="model_type == proprietary"))
for model_id in models:
    kind = JumpStartModelType.PROPRIETARY if model_id in sold else JumpStartModelType.OPEN_WEIGHTS
    spec = utils.verify_model_region_and_return_specs(
        model_id,
        "*",
        JumpStartScriptScope.INFERENCE,
        SESSION.boto_region_name,
        model_type=kind,
        sagemaker_session=SESSION,
    )
    assert spec.to_json()["model_id"] == model_id
print("sold:", len(sold))

tc = {"model_id": "sagewright-tc-minilm-l6", "model_version": "1.*"}
print("hyperparameters:", hyperparameters.retrieve_default(**tc)["epochs"])
print(
    "all:",
    "sagemaker_submit_directory" in hyperparameters.retrieve_default(**tc, include_container_hyperparameters=True),
)
try:
    hyperparameters.validate(**tc, hyperparameters={"epochs": "-1"})
except Exception as error:
    print("validate:", error)
print("metrics:", [each["Name"] for each in metric_definitions.retrieve_default(**tc)])
print("instance:", instance_types.retrieve_default(**tc, scope="training"))
for scope, instance in (("training", "ml.g5.xlarge"), ("inference", "ml.c5.2xlarge")):
    found = image_uris.retrieve(None, None, image_scope=scope, instance_type=instance, **tc)
    print(
        scope,
        found.partition("/")[2],
        model_uris.retrieve(model_scope=scope, **tc),
        script_uris.retrieve(script_scope=scope, **tc),
    )

for model_id, accepted in (
    ("huggingface-tc-bert-base-cased", False),
    ("meta-textgeneration-llama-2-7b", False),
    ("meta-textgeneration-llama-2-7b", True),
    ("ai21-contextual-answers", False),
    ("sagewright-tc-minilm", False),
):
    try:
        JumpStartModel(model_id).deploy(accept_eula=accepted)
    except Exception as error:
        print(f"{model_id} {accepted}: {type(error).__name__}: {error}".splitlines()[0])
