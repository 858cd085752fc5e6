"""Trees: where trees stand in a picture from above, by object detection.

Run it: sagewright solutions run trees
"""

import json

import datasets
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import TrainingStep
from solutions import steps
from solutions.running import INSTANCE, Solution

LIMIT = 0.25

solution = Solution("trees")
data = ParameterString("Data", solution.data(datasets.forest))
limit = ParameterFloat("Limit", LIMIT)
sizes = PropertyFile("Sizes", output_name="sizes", path="sizes.json")
channels = {  # the output of each; no name begins with another, for a channel is a prefix
    "train": "train",
    "validation": "validation",
    "train_annotation": "boxes_train",
    "validation_annotation": "boxes_validation",
}
prepare = steps.script(
    solution, "Prepare", "preprocess.py", {"data": data}, [*channels.values(), "sizes"], property_files=[sizes]
)
image = image_uris.retrieve("object-detection", solution.region)
detector = Estimator(
    image,
    solution.role,
    1,
    INSTANCE,
    output_path=f"{solution.uri}/models",
    sagemaker_session=solution.session,
    tags=solution.tags,
    hyperparameters={
        "num_classes": 1,
        "num_training_samples": JsonGet(step_name="Prepare", property_file=sizes, json_path="pictures"),
        "base_network": "resnet-50",
        "image_shape": 300,
        "epochs": 18,
        "mini_batch_size": 8,
        "optimizer": "adam",
        "learning_rate": 0.003,
        "lr_scheduler_step": "12",
        "weight_decay": 0,
        "overlap_threshold": 0.3,
        "_width": 8,  # Sagewright's own: an eighth of the channels, quick enough for a CPU
    },
)
inputs = {
    channel: TrainingInput(steps.output(prepare, name), content_type="image/png") for channel, name in channels.items()
}
train = TrainingStep("Train", step_args=detector.fit(inputs))
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
model = Model(image, artefact, role=solution.role, sagemaker_session=solution.session)
create, score = steps.scores(solution, model, steps.output(prepare, "validation"), "image/png")
evaluate, numbers = steps.evaluation(
    solution,
    {
        "scores": solution.each("scores"),
        "truth": steps.output(prepare, "boxes_validation"),
        "pictures": steps.output(prepare, "validation"),
    },
    [score],
)
check = steps.checked(solution, model, numbers, ("at least", limit), ("image/png", "application/json"))
solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, train, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()

answer = json.loads(solution.ask("image/png", solution.output("Prepare", "validation", "0000.png")))["prediction"]
expected = json.loads(solution.scores("0000.png"))["prediction"]
assert len(answer) == len(expected)
assert all(abs(one[1] - other[1]) < 1e-3 for one, other in zip(answer, expected, strict=True)), (answer, expected)
print(f"answer    {sum(box[1] >= 0.3 for box in answer)} trees in one square, with a score of 0.3 and more")
solution.finish("at least", LIMIT)
