"""Demand forecast: the next 18 months of hundreds of series at once, with DeepAR.

Run it: sagewright solutions run demand
"""

import json

import datasets
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep
from solutions import steps
from solutions.running import INSTANCE, Solution

LIMIT = 0.95
HORIZON = 18

solution = Solution("demand")
data = ParameterString("Data", solution.data(lambda: {"series.jsonl": datasets.competition("INDUSTRY")}))
limit = ParameterFloat("Limit", LIMIT)
prepare = steps.script(solution, "Prepare", "preprocess.py", {"data": data}, ["train", "test", "truth"])
image = image_uris.retrieve("forecasting-deepar", solution.region)
deepar = Estimator(
    image,
    solution.role,
    1,
    INSTANCE,
    output_path=f"{solution.uri}/models",
    sagemaker_session=solution.session,
    tags=solution.tags,
    hyperparameters={
        "time_freq": "M",
        "context_length": HORIZON,
        "prediction_length": HORIZON,
        "epochs": 40,
        "mini_batch_size": 64,
    },
)
train = TrainingStep("Train", step_args=deepar.fit({"train": TrainingInput(steps.output(prepare, "train"))}))
configuration = {"num_samples": 100, "output_types": ["quantiles"], "quantiles": ["0.1", "0.5", "0.9"]}
model = Model(
    image,
    train.properties.ModelArtifacts.S3ModelArtifacts,
    role=solution.role,
    env={"DEEPAR_INFERENCE_CONFIG": json.dumps(configuration)},  # of the transform job
    sagemaker_session=solution.session,
)
create, score = steps.scores(
    solution, model, steps.output(prepare, "test"), "application/jsonlines",
    split_type="Line", strategy="MultiRecord", assemble_with="Line",
)  # fmt: skip
evaluate, numbers = steps.evaluation(
    solution, {"scores": solution.each("scores"), "truth": steps.output(prepare, "truth")}, [score]
)
check = steps.checked(solution, model, numbers, ("at most", limit), ("application/json", "application/json"))
solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, train, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()

series = json.loads(solution.output("Prepare", "test", "series.jsonl").decode().splitlines()[0])
request = {"instances": [series], "configuration": configuration}
(forecast,) = json.loads(solution.ask("application/json", json.dumps(request)))["predictions"]
assert [len(each) for each in forecast["quantiles"].values()] == [HORIZON] * 3
expected = json.loads(solution.scores("series.jsonl").splitlines()[0])["quantiles"]["0.5"]
near = max(abs(one - other) / abs(other) for one, other in zip(forecast["quantiles"]["0.5"], expected, strict=True))
assert near < 0.3, (forecast["quantiles"]["0.5"], expected)  # other samples of the same distribution
solution.finish("at most", LIMIT)
