"""The recognizer of entities by SDK v2's own classes: fine-tuned on a label that it lacks, and deployed."""

import json

import sagemaker
from sagemaker.jumpstart.estimator import JumpStartEstimator

MODEL = "sagewright-ner-spacy-small-en"
PROTEINS = ["keratin", "actin", "myosin", "insulin", "pepsin", "trypsin"]
TEMPLATES = ["We found that {} binds {} in the cell.", "The level of {} rose after {}.", "A mutant of {} lacked {}."]

session = sagemaker.Session()
bucket = session.default_bucket()
lines = []
for template in TEMPLATES:
    for pair in zip(PROTEINS, PROTEINS[1:] + PROTEINS[:1], strict=True):
        text = template.format(*pair)
        entities = [[text.index(word), text.index(word) + len(word), "PROTEIN"] for word in pair]
        lines.append(json.dumps({"text": text, "entities": entities}))
session.upload_string_as_file_body("\n".join(lines), bucket, "jumpstart-entities/training/data.jsonl")
held = [
    each.format(*pair).replace(".", " .")
    for each in TEMPLATES
    for pair in zip(PROTEINS[:-2], PROTEINS[2:], strict=True)
]
tagged = ["".join(f"{word} {'B-PROTEIN' if word in PROTEINS else 'O'}\n" for word in text.split()) for text in held]
conll = "\n".join(tagged)
session.upload_string_as_file_body(conll, bucket, "jumpstart-entities/validation/held.conll")

given = {"epochs": "40", "learning_rate": "0.002", "early_stopping": "True", "reinitialize_top_layer": "False"}
estimator = JumpStartEstimator(MODEL, hyperparameters=given)
estimator.fit({each: f"s3://{bucket}/jumpstart-entities/{each}/" for each in ("training", "validation")}, logs=False)
described = estimator.latest_training_job.describe()
metrics = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
print("job:", described["TrainingJobStatus"], sorted(metrics))
predictor = estimator.deploy()
asked = {"ContentType": "application/x-text", "Accept": "application/json"}
found = predictor.predict("We found that myosin binds pepsin in the cell.", asked)
print("entities:", [(each["word"], each["entity"]) for each in found["predictions"]])
predictor.delete_predictor()
