"""`python -m sagewright.clarify`: the program of AWS's image sagemaker-clarify-processing; with `serve`, an explainer's."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        from sagewright.clarify.online.service import serve

        sys.exit(serve())
    from sagewright.clarify.analyzer.run import main

    sys.exit(main())
