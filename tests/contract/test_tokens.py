"""Tokens for every law: first-order conditions hold, and closed forms agree with the numerical route."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law.fitting.source import Source
from p2law.plan import Recovered, Remaining, Slope, Target
from p2law.plan.curve import LossCurve, metric_target, tokens_until, tokens_until_numerically
from tests.contract.designs import truths

MODELS = {"size": [1e7, 3e8, 1e10], "rate": [0.15, 0.3, 0.6], "loss": [3.2, 2.6, 2.1], "number": [0.5, 1.0, 2.0]}


def curve_of(law: p2law.Law, params: dict[str, float]) -> LossCurve:
    at = {v.name: np.array(MODELS[v.kind.role]) for v in law.variables if v.kind.role != "tokens"}
    return LossCurve(Source(p2law.laws.Constants("drawn", law, params, "", "")), at, models=3)


def criteria(curve: LossCurve) -> list[Slope | Remaining | Recovered | Target]:
    """Criteria that the curve meets somewhere beyond its first token."""
    fall = float((curve.loss(1e6) - curve.floor()).max())
    return [
        Slope(1e-8 * fall),
        Slope(0.1 * fall, per="1e9 tokens"),
        Slope(0.03 * fall, per="doubling"),
        Remaining(0.05 * fall),
        Recovered(0.9, start=1e6),
        Target(float(curve.floor().max()) + 0.05 * fall),
    ]


@given(data=st.data())
def test_first_order_conditions_hold_and_closed_forms_agree_with_numerics(law, data):
    curve = curve_of(law, data.draw(truths(law)))
    for criterion in criteria(curve):
        kind, height = metric_target(criterion, curve)
        numerical, found = tokens_until_numerically(curve, kind, height), tokens_until(curve, kind, height)
        np.testing.assert_allclose(found, numerical, rtol=1e-8)
        inside = np.isfinite(found) & (found > 1.0)
        assert inside.any()
        reached = curve.metric(kind, np.where(inside, found, 1.0))
        np.testing.assert_allclose(reached[inside], height[inside], rtol=1e-8)
