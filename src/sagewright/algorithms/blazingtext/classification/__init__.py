"""Text classification: examples of hashed n-grams and the solvers that fit them. Imports the vocabulary and the model file,
never embeddings.
"""
