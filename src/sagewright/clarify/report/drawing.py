"""Charts as SVG for pages and as PNG for paper."""

from __future__ import annotations

import re
from io import BytesIO

from sagewright.clarify.report.content import Spec

_IDENTIFIER = re.compile(r"""(?<=\sid=")[\w-]+(?=")|(?<=url\(#)[\w-]+(?=\))""")
_SCALE = 2.0
_COLOURS = 64


def to_svg(spec: Spec) -> str:
    """The chart as SVG: escaped text, no script, no address."""
    # starts a JavaScript engine: only jobs with a report pay for it
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, vl_version="5.20", show_warnings=False, allowed_base_urls=[]))


def with_own_identifiers(svg: str, prefix: str) -> str:
    """Gradients and clips of several charts of one page must not have the same names."""
    return _IDENTIFIER.sub(lambda match: prefix + match[0], svg)


def to_png(svg: str) -> bytes:
    """The chart in a palette: a tenth of the bytes, and nothing lost that print would show."""
    import vl_convert
    from PIL import Image

    with Image.open(BytesIO(vl_convert.svg_to_png(svg, scale=_SCALE))) as image:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    buffer = BytesIO()
    white.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "PNG")
    return buffer.getvalue()
