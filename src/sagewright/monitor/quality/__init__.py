"""Quality of a model: metrics of its predictions against ground truth, with their spread, and violations of a baseline's."""
