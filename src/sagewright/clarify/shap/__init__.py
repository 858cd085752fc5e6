"""Shapley values of a table's features, and of any game.

explanation  `explain`: a table's rows, in the best way that the model allows
kernel       from scores of coalitions: of all, or of a sample
game         `shapley_of_game`: one game with players of any kind
coalitions, regression, sparse, iterative, synthetic, link   their parts
baselines    rows of the configuration, or prototypes of the data
output       out.csv, baseline.csv, and the section of analysis.json
"""
