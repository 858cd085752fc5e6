"""Factorization machines as SageMaker's built-in algorithm: linear models with pairwise interactions of low rank.

Source: the contract's algorithms/factorization-machines.md; S. Rendle, "Factorization Machines", ICDM 2010; D. Kingma and J. Ba,
"Adam", ICLR 2015; C. Freudenthaler, L. Schmidt-Thieme and S. Rendle, "Bayesian Factorization Machines", NIPS workshop 2011;
J. Albert and S. Chib, "Bayesian Analysis of Binary and Polychotomous Response Data", JASA 88, 1993.
"""
