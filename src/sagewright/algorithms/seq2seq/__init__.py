"""Seq2Seq as SageMaker's built-in algorithm: maps sequences of tokens to sequences of tokens, as in translation.

Source: the contract's algorithms/seq2seq.md and _deep.md; D. Bahdanau et al., "Neural Machine Translation by Jointly Learning to
Align and Translate", ICLR 2015 (mlp attention); M.-T. Luong et al., "Effective Approaches to Attention-based Neural Machine
Translation", EMNLP 2015 (dot and bilinear attention, the attentional vector); Y. Wu et al., "Google's Neural Machine Translation
System", 2016 (attention in upper layers); J. Gehring et al., "Convolutional Sequence to Sequence Learning", ICML 2017; K. Papineni
et al., "BLEU", ACL 2002.
"""
