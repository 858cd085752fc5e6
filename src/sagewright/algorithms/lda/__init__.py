"""Latent Dirichlet allocation as SageMaker's built-in algorithm: topics from the moments of word counts, then refined.

Source: the contract's algorithms/lda.md; A. Anandkumar, R. Ge, D. Hsu, S. Kakade and M. Telgarsky, "Tensor Decompositions for
Learning Latent Variable Models", JMLR 15, 2014; V. Sharan and G. Valiant, "Orthogonalized ALS", ICML 2017; T. Griffiths and
M. Steyvers, "Finding scientific topics", PNAS 101, 2004; T. Minka, "Estimating a Dirichlet distribution", 2000.
"""
