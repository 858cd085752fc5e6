"""A pretrained BERT with one click: JumpStart.

Run it: sagewright examples run jumpstart_bert
"""

import datasets
import result
import sagemaker
from sagemaker.jumpstart.estimator import JumpStartEstimator

session = sagemaker.Session()
bucket = session.default_bucket()
groups = {"rec.sport.hockey": 0, "sci.space": 1}
train, test = (
    [(groups[g], text[:400]) for g, text in datasets.newsgroups(part, tuple(groups))] for part in ("train", "test")
)
lines = "".join(f"{label},{text}\n" for label, text in train[:300])
datasets.put(bucket, {"exam/bert/data.csv": lines.encode()})

bert = JumpStartEstimator(
    model_id="sagewright-tc-minilm-l6", instance_type="ml.m5.large", hyperparameters={"epochs": "1"}
)
bert.fit({"training": f"s3://{bucket}/exam/bert/"})

predictor = bert.deploy(initial_instance_count=1, instance_type="ml.m5.large")
answers = [predictor.predict(text, initial_args={"ContentType": "application/x-text"}) for _, text in test[:100]]
predictor.delete_endpoint()
scores = [answer["probabilities"] for answer in answers]
right = sum(score.index(max(score)) == label for score, (label, _) in zip(scores, test[:100], strict=True))
page = f"jobs/{bert.latest_training_job.name}"
result.check("share of messages that fine-tuned MiniLM puts right", right / 100, at_least=0.85, page=page)
