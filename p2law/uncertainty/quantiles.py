"""Quantiles and shares of the normal and the t distribution, scipy's, imported when first asked for."""

from typing import Any

import numpy as np


def t_quantile(dof: Any, share: Any) -> Any:
    """Value below which this share of a t distribution lies."""
    from scipy.special import stdtrit

    return stdtrit(dof, share)


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
