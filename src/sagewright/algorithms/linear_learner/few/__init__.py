"""Linear models of few rows: the average of those of all penalties, by their losses at rows left out, as `ridge` finds them."""
