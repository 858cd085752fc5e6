"""Word embeddings: BlazingText, unsupervised (word2vec).

Run it: sagewright examples run word_embeddings
"""

import datasets
import numpy as np
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer

session = sagemaker.Session()
bucket = session.default_bucket()
text = "\n".join(text for _, text in datasets.newsgroups("train"))
datasets.put(bucket, {"exam/words/train/text.txt": text.encode()})

estimator = Estimator(
    sagemaker.image_uris.retrieve("blazingtext", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={"mode": "batch_skipgram", "vector_dim": 50, "epochs": 3, "min_count": 10},
)
estimator.fit({"train": TrainingInput(f"s3://{bucket}/exam/words/train", content_type="text/plain")})

pairs = "god jesus|car bike|disk drive|team game|space nasa|gun weapons|windows dos|key encryption|israel arab|doctor disease"
words = sorted({word for pair in pairs.split("|") for word in pair.split()})
predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
vectors = np.array([answer["vector"] for answer in predictor.predict({"instances": words})])
predictor.delete_endpoint()
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
nearest = [words[place] for place in np.argmax(vectors @ vectors.T - 2 * np.eye(len(words)), axis=1)]
print(", ".join(f"{word}: {near}" for word, near in zip(words, nearest, strict=True)))
right = sum(
    {word, near} in [set(pair.split()) for pair in pairs.split("|")] for word, near in zip(words, nearest, strict=True)
)
page = f"jobs/{estimator.latest_training_job.name}"
result.check("share of words whose nearest is their partner", right / len(words), at_least=0.7, page=page)
