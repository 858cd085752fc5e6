"""Random cut forest as SageMaker's built-in algorithm: anomaly scores from trees of random cuts over samples of the data.

Source: the contract's algorithms/randomcutforest.md; S. Guha, N. Mishra, G. Roy and O. Schrijvers, "Robust Random Cut Forest
Based Anomaly Detection On Streams", ICML 2016.
"""
