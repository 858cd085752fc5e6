"""BlazingText as SageMaker's built-in algorithm: word vectors (CBOW, skip-gram, batch skip-gram) and a text classifier. Its models
are files in fastText's format.

Source: the contract's algorithms/blazingtext.md and _deep.md; T. Mikolov et al., "Distributed Representations of Words and Phrases
and their Compositionality", NIPS 2013; S. Ji et al., "Parallelizing Word2Vec in Shared and Distributed Memory", 2016 (shared
negatives); A. Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016; C.-J. Hsieh et al., "A Dual Coordinate
Descent Method for Large-scale Linear SVM", ICML 2008; C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017
(calibration); W. James and C. Stein, "Estimation with Quadratic Loss", 1961 (shrinkage).
"""
