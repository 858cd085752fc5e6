"""The neural topic model as SageMaker's built-in algorithm: a variational autoencoder of bags of words.

Source: the contract's algorithms/ntm.md; Y. Miao, E. Grefenstette and P. Blunsom, "Discovering Discrete Latent Topics with Neural
Variational Inference", ICML 2017; R. Ding, R. Nallapati and B. Xiang, "Coherence-Aware Neural Topic Modeling", EMNLP 2018;
A. Srivastava and C. Sutton, "Autoencoding Variational Inference for Topic Models", ICLR 2017; D. Kingma and M. Welling,
"Auto-Encoding Variational Bayes", ICLR 2014.
"""
