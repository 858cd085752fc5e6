"""The report of an analysis as HTML, as a notebook and as PDF: three renderings of one content.

    wording    texts from data made safe to show, and numbers
    content    headings, sentences, tables, charts, pictures
    local      local explanations that charts are drawn from
    charts     Vega-Lite specifications
    biases, attributions, dependence, appendix    the sections
    sections   their order
    drawing    specifications to SVG and PNG
    fonts      fonts of the machine for PDF
    html, notebook, pdf    the renderings
    writer     the three files

A module imports the ones above it.
"""

from sagewright.clarify.report.local import LocalValues, Picture
from sagewright.clarify.report.writer import write

__all__ = ["LocalValues", "Picture", "write"]
