"""IP Insights as SageMaker's built-in algorithm: vectors of entities and of IPv4 addresses whose product indicates how usual it is
for the entity to use the address.

Source: the contract's algorithms/ipinsights.md; T. Mikolov et al., "Distributed Representations of Words and Phrases and their
Compositionality", NIPS 2013 (negative sampling); K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML
2009.
"""
