"""sagemaker.NTM on `record_set`: documents of three topics, whose words don't overlap."""

import io
import zipfile

import numpy as np
import outcome
import sagemaker

random = np.random.default_rng(0)
topics = np.kron(np.eye(3), np.full(10, 0.1))
mixtures = random.dirichlet(np.full(3, 0.3), 1000)
documents = np.stack([random.multinomial(50, each @ topics) for each in mixtures]).astype(np.float32)
ntm = sagemaker.NTM(
    sagemaker.get_execution_role(), 1, "ml.m5.large", num_topics=3, encoder_layers=[50, 20], encoder_layers_activation="tanh",
    optimizer="adam", learning_rate=0.01, epochs=30,
)  # fmt: skip
channels = [ntm.record_set(documents[:800])]
for channel, rows in (("validation", documents[800:900]), ("test", documents[900:])):
    channels.append(ntm.record_set(rows, channel=channel))
    channels[-1].distribution = "FullyReplicated"
ntm.fit(channels, mini_batch_size=50)
with zipfile.ZipFile(io.BytesIO(outcome.archive(ntm)["model_algo-1"])) as archive:
    arrays = outcome.arrays(archive.read("params"))
scores = arrays["arg:projection_weight"] + arrays["arg:projection_bias"][:, None]
beta = np.exp(scores) / np.exp(scores).sum(axis=0)
apart = np.abs(beta.T[:, None] - topics).sum(axis=2).min(axis=1) / 2
outcome.tell(ntm, apart=float(apart.max()))
