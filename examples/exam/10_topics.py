"""Topics of documents: LDA or NTM.

Run it: sagewright examples run topics
"""

import datasets
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import CSVSerializer

GROUPS = ("rec.sport.hockey", "sci.space", "talk.politics.mideast", "comp.graphics", "rec.autos")
role = sagemaker.get_execution_role()
texts = [text for _, text in datasets.newsgroups("train", GROUPS)]
counts, words = datasets.word_counts(texts, 1000)

lda = sagemaker.LDA(role, "ml.m5.large", num_topics=5, alpha0=0.5)
ntm = sagemaker.NTM(role, 1, "ml.m5.large", num_topics=5, epochs=40, optimizer="adam", learning_rate=0.01)
coherence = {}
for name, model, batch in (("LDA", lda, len(counts)), ("NTM", ntm, 100)):
    model.fit(model.record_set(counts), mini_batch_size=batch, logs=False)
    predictor = model.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
    answer = predictor.predict(counts[:1500])["predictions"]
    predictor.delete_endpoint()
    weights = [each.get("topic_mixture") or each["topic_weights"] for each in answer]
    found = datasets.words_of_topics(weights, counts[:1500], words)
    coherence[name] = datasets.coherence(found, counts, words)
    print(f"{name}, coherence (NPMI) {coherence[name]:.3f}:", *(" ".join(topic) for topic in found), sep="\n  ")
    page = f"jobs/{model.latest_training_job.name}"
result.check("coherence of topics, the lower of LDA's and NTM's", min(coherence.values()), at_least=0.1, page=page)
