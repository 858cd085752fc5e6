"""Principal component analysis as SageMaker's built-in algorithm, in one pass over the data.

Source: the contract's algorithms/pca.md; for the mode `randomized` J. A. Tropp, A. Yurtsever, M. Udell and V. Cevher,
"Fixed-Rank Approximation of a Positive-Semidefinite Matrix from Streaming Data", NIPS 2017 (algorithm 3).
"""
