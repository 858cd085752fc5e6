"""Parts of pages about runs, without a page of their own.

`curvestyle` has the style of curves in the address, `rungraphs` the graphs that runs logged, `usedby` the jobs around an object,
and `intervals` bounds of a rate.
"""
