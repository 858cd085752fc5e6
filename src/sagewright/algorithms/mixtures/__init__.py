"""Documents as mixtures of topics: what LDA and the neural topic model share.

Source: T. Griffiths and M. Steyvers, "Finding scientific topics", PNAS 101, 2004; H. Wallach, D. Mimno and A. McCallum, "Rethinking
LDA: Why Priors Matter", NIPS 2009; A. Anandkumar, R. Ge, D. Hsu, S. Kakade and M. Telgarsky, "Tensor Decompositions for Learning
Latent Variable Models", JMLR 15, 2014; T. Minka, "Estimating a Dirichlet distribution", 2000.
"""
