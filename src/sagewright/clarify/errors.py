"""Errors of an analysis.

ClarifyError
├── CustomerError   the configuration, the data or the model must change: `Customer Error: …` is the job's ExitMessage
└── InternalError   the analysis failed otherwise
"""

from __future__ import annotations


class ClarifyError(Exception):
    """Ends the job with a text for its owner."""


class CustomerError(ClarifyError):
    """The job's owner can avoid this error by changing the configuration, the data or the model."""


class InternalError(ClarifyError):
    """Nothing in the request explains the error."""
