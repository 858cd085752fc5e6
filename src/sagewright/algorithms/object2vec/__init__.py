"""Object2Vec as SageMaker's built-in algorithm: vectors of objects, sequences of tokens, from pairs whose relation is known.

Each side of a pair has an encoder; a comparator combines both vectors, and a multi-layer perceptron maps the result to a class or a
number. Source: the contract's algorithms/object2vec.md and _deep.md; A. Conneau et al., "Supervised Learning of Universal Sentence
Representations from Natural Language Inference Data", EMNLP 2017 (the hierarchical convolutional network, the bidirectional LSTM
with maxima over time, the comparison of two encodings).
"""
