"""Linear learner as SageMaker's built-in algorithm: linear models solved directly, or many trained at once by stochastic gradients,
the best kept.

Source: the contract's algorithms/linear-learner.md; D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015;
B. Polyak and A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J. Control Optim. 30, 1992.
"""
