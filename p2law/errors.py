"""Errors and warnings: every message names the column, row or value and what to do."""


class P2LawError(Exception):
    """Base of every error p2law raises on purpose."""


class DataError(P2LawError, ValueError):
    """The table cannot be used as it is: the message names column, row, value and remedy."""


class LawError(P2LawError, ValueError):
    """A law is defined or called in a way that cannot work."""


class FitError(P2LawError, ValueError):
    """The fit cannot be set up or read as asked."""


class MissingDependencyError(P2LawError, ImportError):
    """An optional package is needed; the message says which and how to install it."""


class P2LawWarning(UserWarning):
    """Base of every warning p2law issues."""


class ExtrapolationWarning(P2LawWarning):
    """A prediction lies outside the range of the fitted data."""


class FitWarning(P2LawWarning):
    """The fit did not converge, or could not be trusted for a stated reason."""


class DataWarning(P2LawWarning):
    """Rows of a file were left out for a stated reason."""
