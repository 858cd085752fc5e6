"""DeepAR as SageMaker's built-in algorithm: forecasts of many related series by one autoregressive network with a likelihood.

Source: the contract's algorithms/deepar.md and _deep.md; D. Salinas et al., "DeepAR: Probabilistic Forecasting with
Autoregressive Recurrent Networks", International Journal of Forecasting 36, 2020.
"""
