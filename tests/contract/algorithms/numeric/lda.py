"""sagemaker.LDA on `record_set`: documents of three topics, whose words don't overlap."""

import numpy as np
import outcome
import sagemaker

random = np.random.default_rng(0)
topics = np.kron(np.eye(3), np.full(10, 0.1))
mixtures = random.dirichlet(np.full(3, 0.3), 600)
documents = np.stack([random.multinomial(50, each @ topics) for each in mixtures]).astype(np.float32)
lda = sagemaker.LDA(sagemaker.get_execution_role(), "ml.m5.large", num_topics=3, alpha0=0.9)
train = lda.record_set(documents[:500])
test = lda.record_set(documents[500:], channel="test")
test.distribution = "FullyReplicated"
lda.fit([train, test], mini_batch_size=500)
_, beta = outcome.arrays(outcome.archive(lda)["model_algo-1"])
apart = np.abs(beta[:, None] - topics).sum(axis=2).min(axis=1) / 2
outcome.tell(lda, apart=float(apart.max()))
