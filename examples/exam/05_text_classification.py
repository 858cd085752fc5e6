"""Classify texts: BlazingText, supervised.

Run it: sagewright examples run text_classification
"""

import datasets
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer

session = sagemaker.Session()
bucket = session.default_bucket()
lines = "".join(f"__label__{group} {text}\n" for group, text in datasets.newsgroups("train"))
datasets.put(bucket, {"exam/newsgroups/train/train.txt": lines.encode()})

estimator = Estimator(
    sagemaker.image_uris.retrieve("blazingtext", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={"mode": "supervised", "min_count": 2},
)
estimator.fit({"train": TrainingInput(f"s3://{bucket}/exam/newsgroups/train", content_type="text/plain")})

later = datasets.newsgroups("test")[::8]
predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
answers = []
for start in range(0, len(later), 100):
    answers += predictor.predict({"instances": [text for _, text in later[start : start + 100]]})
predictor.delete_endpoint()
right = sum(answer["label"][0] == f"__label__{group}" for answer, (group, _) in zip(answers, later, strict=True))
page = f"jobs/{estimator.latest_training_job.name}"
result.check("share of 20 newsgroups' messages put right", right / len(later), at_least=0.75, page=page)
