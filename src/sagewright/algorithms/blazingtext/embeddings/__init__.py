"""Word2Vec: the kernels of skip-gram and CBOW, and the evaluation of word vectors. Imports the vocabulary and the model file,
never classification.
"""
