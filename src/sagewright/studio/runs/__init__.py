"""Parts of pages about runs: `curvestyle` has the style of curves in the address, `rungraphs` the graphs that runs logged, `intervals` what counts tell."""
