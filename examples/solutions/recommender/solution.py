"""Recommender: which rating a student will give to a lecturer, by factorization machines on sparse data.

Run it: sagewright solutions run recommender
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

LIMIT = 0.999
BEST = 5

solution = Solution("recommender")
data = ParameterString("Data", solution.data(lambda: {"ratings.csv": datasets.ratings_table()}))
limit = ParameterFloat("Limit", LIMIT)
sizes = PropertyFile("Sizes", output_name="sizes", path="sizes.json")
outputs = ["train", "test", "truth", "sizes"]
prepare = steps.script(solution, "Prepare", "preprocess.py", {"data": data}, outputs, property_files=[sizes])
image = image_uris.retrieve("factorization-machines", solution.region)
machine = Estimator(
    image,
    solution.role,
    1,
    INSTANCE,
    output_path=f"{solution.uri}/models",
    sagemaker_session=solution.session,
    tags=solution.tags,
    hyperparameters={
        "feature_dim": JsonGet(step_name="Prepare", property_file=sizes, json_path="columns"),
        "num_factors": 8,
        "predictor_type": "regressor",
    },
)
train = TrainingStep("Train", step_args=machine.fit({"train": TrainingInput(steps.output(prepare, "train"))}))
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
model = Model(image, artefact, role=solution.role, sagemaker_session=solution.session)
create, score = steps.scores(
    solution, model, steps.output(prepare, "test"), "application/jsonlines",
    split_type="Line", strategy="MultiRecord", assemble_with="Line", accept="application/jsonlines",
)  # fmt: skip
evaluate, numbers = steps.evaluation(
    solution, {"scores": solution.each("scores"), "truth": steps.output(prepare, "truth")}, [score]
)
check = steps.checked(solution, model, numbers, ("at most", limit), ("application/jsonlines", "application/jsonlines"))
solution.execute(
    Pipeline(
        solution.pipeline,
        [data, limit],
        steps=[prepare, train, create, score, evaluate, check],
        sagemaker_session=solution.session,
    )
)
solution.deploy()


def asked(pairs):
    """The predicted ratings of (user's column, item's column), by the endpoint."""
    rows = [{"data": {"features": {"keys": pair, "shape": [width], "values": [1, 1]}}} for pair in pairs]
    answer = solution.ask("application/jsonlines", datasets.json_lines(rows), "application/jsonlines")
    return [json.loads(line)["score"] for line in answer.splitlines()]


names = json.loads(solution.output("Prepare", "truth", "names.json").decode())
users, width = len(names["users"]), len(names["users"]) + len(names["items"])
held_out = solution.output("Prepare", "test", "ratings.jsonl").decode().splitlines()[:20]
answers = asked([json.loads(line)["data"]["features"]["keys"] for line in held_out])
expected = [json.loads(line)["score"] for line in solution.scores("ratings.jsonl").splitlines()[:20]]
assert max(abs(one - other) for one, other in zip(answers, expected, strict=True)) < 1e-4, (answers, expected)
ratings = dict(zip(names["items"], asked([[0, column] for column in range(users, width)]), strict=True))
best = sorted(ratings, key=ratings.get, reverse=True)[:BEST]
words = ", ".join(f"{item} ({ratings[item]:.2f})" for item in best)
print(f"answer    the lecturers that student {names['users'][0]} would rate highest: {words}")
solution.finish("at most", LIMIT)
