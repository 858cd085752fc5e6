"""Texts by a BERT encoder: embeddings, similarity, zero-shot labels; classifiers of texts and of pairs, fine-tuned.

`bert` is the network, `encoder` turns texts into vectors, `classifier` puts a head on it; `data` and `loop` train.
`bert` does without `transformers`, whose import takes three times as long as torch's: that is most of the time to a first answer.
"""
