"""k-nearest neighbours as SageMaker's built-in algorithm: a uniform sample of the rows, made smaller or not, in a Faiss index.

Sources: the contract's algorithms/knn.md; D. Achlioptas,
"Database-friendly random projections", 2003 (sign); N. Ailon and B. Chazelle, "The Fast Johnson-Lindenstrauss Transform and
Approximate Nearest Neighbors", 2009, in the subsampled form of J. A. Tropp, 2011 (fjlt); J. Johnson, M. Douze and H. Jégou,
"Billion-scale similarity search with GPUs", 2017 (Faiss).
"""
