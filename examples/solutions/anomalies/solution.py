"""Anomalies: readings of a space shuttle's sensors that are unlike those before, by a random cut forest.

Run it: sagewright solutions run anomalies
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

LIMIT = 0.9

solution = Solution("anomalies")
data = ParameterString("Data", solution.data(lambda: {"readings.csv": datasets.shuttle_table()}))
limit = ParameterFloat("Limit", LIMIT)
sizes = PropertyFile("Sizes", output_name="sizes", path="sizes.json")
outputs = ["train", "test", "truth", "sizes"]
prepare = steps.script(solution, "Prepare", "preprocess.py", {"data": data}, outputs, property_files=[sizes])
image = image_uris.retrieve("randomcutforest", solution.region)
forest = Estimator(
    image,
    solution.role,
    1,
    INSTANCE,
    output_path=f"{solution.uri}/models",
    sagemaker_session=solution.session,
    tags=solution.tags,
    hyperparameters={
        "feature_dim": JsonGet(step_name="Prepare", property_file=sizes, json_path="columns"),
        "num_samples_per_tree": 256,
        "num_trees": 100,
    },
)
readings = TrainingInput(
    steps.output(prepare, "train"), content_type="text/csv;label_size=0", distribution="ShardedByS3Key"
)
train = TrainingStep("Train", step_args=forest.fit({"train": readings}))
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
model = Model(image, artefact, role=solution.role, sagemaker_session=solution.session)
create, score = steps.scores(
    solution, model, steps.output(prepare, "test"), "text/csv",
    split_type="Line", strategy="MultiRecord", assemble_with="Line", accept="application/jsonlines",
)  # fmt: skip
evaluate, numbers = steps.evaluation(
    solution, {"scores": solution.each("scores"), "truth": steps.output(prepare, "truth")}, [score]
)
check = steps.checked(solution, model, numbers, ("at least", limit), ("text/csv", "application/json"))
solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, train, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()

rows = solution.output("Prepare", "test", "readings.csv").decode().splitlines()[:20]
answers = [each["score"] for each in json.loads(solution.ask("text/csv", "\n".join(rows)))["scores"]]
expected = [json.loads(line)["score"] for line in solution.scores("readings.csv").splitlines()[:20]]
assert max(abs(one - other) for one, other in zip(answers, expected, strict=True)) < 1e-4, (answers, expected)
solution.finish("at least", LIMIT)
