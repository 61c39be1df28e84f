"""Quantiles and shares of the normal and the t distribution, scipy's, imported when first asked for."""

from typing import Any

import numpy as np

LEAST_DOF = 1.0


def t_quantile(dof: Any, share: Any) -> Any:
    """Value below which this share of a t distribution lies."""
    from scipy.special import stdtrit

    return stdtrit(dof, share)


def t_half_width(dof: Any, level: float) -> Any:
    """Half-width of an interval in standard errors; one degree of freedom is granted at least."""
    return t_quantile(np.maximum(dof, LEAST_DOF), 0.5 + level / 2)


def t_share(dof: Any, value: Any) -> Any:
    """Share of a t distribution below a value."""
    from scipy.special import stdtr

    return stdtr(dof, value)


def normal_quantile(share: Any) -> Any:
    """Value below which this share of the normal distribution lies."""
    from scipy.special import ndtri

    return ndtri(share)


def normal_share(value: Any) -> np.ndarray:
    """Share of the normal distribution below a value."""
    from scipy.special import ndtr

    return ndtr(value)
