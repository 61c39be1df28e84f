"""@p2law.law: what it reads from a signature, and how it refuses what cannot work."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np
import pytest

import p2law
from p2law.laws import Amplitude, Exponent, Positive, Real, Tokens, exponent, positive


def test_columns_and_constants_are_read_from_the_signature():
    @p2law.law
    def bare(N, D, steps, *, A: Amplitude, alpha: Exponent):
        """A power law."""
        return A * N**-alpha + 0 * D + 0 * steps

    assert [v.name for v in bare.variables] == ["N", "D", "steps"]
    assert [v.kind.role for v in bare.variables] == ["size", "tokens", "number"]
    assert [p.name for p in bare.parameters] == ["A", "alpha"]
    assert (bare.name, bare.title, bare.doc) == ("bare", "bare", "A power law.")


def test_annotation_overrides_the_column_name():
    @p2law.law(title="By updates")
    def by_updates(updates: Tokens, *, B: Amplitude, beta: Exponent):
        return B * updates**-beta

    assert by_updates.title == "By updates"
    assert by_updates.variable("tokens") == "updates"
    assert by_updates.variable("size") is None


def test_any_response_may_be_named_and_be_negative(dense):
    @p2law.law(response="accuracy_gain")
    def gain(N, *, A: p2law.laws.SignedAmplitude, alpha: Exponent):
        return A * N**-alpha

    table = {"N": dense["N"], "accuracy_gain": -3 * dense["N"] ** -0.2}
    fit = p2law.fit(gain, table, objective=p2law.Squared())
    assert fit.params["A"] == pytest.approx(-3, rel=1e-6)
    assert "accuracy_gain" in fit.summary()
    assert "nats" not in fit.summary()
    assert "huber" not in fit.metrics
    with pytest.raises(p2law.FitError, match=r"gain predicts 'accuracy_gain', which is not always positive.*linear"):
        p2law.fit(gain, table)


def test_law_is_a_function_of_numbers_and_arrays():
    chinchilla = p2law.laws.get("chinchilla")
    constants = {"E": 1.0, "A": 10.0, "B": 100.0, "alpha": 0.5, "beta": 0.5}
    assert chinchilla(100.0, 10_000.0, **constants) == 1 + 1 + 1
    assert chinchilla(N=[100.0, 400.0], D=10_000.0, **constants).tolist() == [3.0, 2.5]


def test_laws_are_found_by_name_and_pass_through():
    p2 = p2law.laws.get("p2")
    assert p2law.laws.get(p2) is p2
    assert {"p2", "chinchilla", "average_params", "power"} <= set(p2law.laws.names())
    with pytest.raises(p2law.LawError, match=r"unknown law 'chinchila'\. Known laws: p2,.*chinchilla"):
        p2law.laws.get("chinchila")


def no_kind(D, *, B, beta: Exponent):
    return B * D**-beta


def plain_float(D, *, B: float, beta: Exponent):
    return B * D**-beta


def unknown_annotation(D, *, B: "Amplitud", beta: Exponent):  # noqa: F821
    return B * D**-beta


def useless_column_annotation(D: str, *, B: Amplitude):
    return B / D


def no_parameters(N, D):
    return N + D


def no_columns(*, B: Amplitude):
    return B


def any_columns(*columns, B: Amplitude):
    return B * columns[0]


def any_parameters(D, *, B: Amplitude, **others):
    return B / D


def infinite_at_the_centre(D, *, B: Amplitude, beta: Exponent):
    return B * (D - D) ** -beta


def breaks(D, *, B: Amplitude):
    return B * D.undefined


def wrong_shape(D, *, B: Amplitude):
    return B * jnp.ones(3)


def amplitude_in_a_power(D, *, B: Amplitude, beta: Amplitude):
    return B * D**-beta


def product_of_amplitudes(D, *, A: Amplitude, B: Amplitude):
    return A * B / D


MISTAKES = [
    (no_kind, r"parameter 'B' has no kind.*Write 'B: Amplitude'"),
    (plain_float, r"parameter 'B' has no kind.*float.*Write 'B: Amplitude'"),
    (unknown_annotation, r"unknown annotation.*Amplitud.*from p2law.laws import"),
    (useless_column_annotation, r"column 'D' is annotated with.*str.*Use Params, Tokens"),
    (no_parameters, r"no parameter: put them after '\*'"),
    (no_columns, r"no column: its positional arguments"),
    (any_columns, r"'\*columns' is not possible; name every column"),
    (any_parameters, r"'\*others' is not possible; name every column"),
    (infinite_at_the_centre, r"not finite at \{'D': .*check its formula, or give a parameter a narrower start range"),
    (breaks, r"fails at the centre of its domain.*undefined"),
    (wrong_shape, r"fails at the centre of its domain"),
    (amplitude_in_a_power, r"not linear in its amplitudes \['B', 'beta'\].*Positive or Real"),
    (product_of_amplitudes, r"not linear in its amplitudes \['A', 'B'\].*Positive or Real"),
]


@pytest.mark.parametrize(("function", "message"), MISTAKES, ids=lambda x: getattr(x, "__name__", ""))
def test_mistakes_of_the_author_are_refused(function, message):
    with pytest.raises(p2law.LawError, match=f"(?s)law {function.__name__}.*{message}"):
        p2law.law(function)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: exponent(lower=2.0, upper=1.0), "lower bound 2.0 is not below upper bound 1.0"),
        (lambda: exponent(lower=0.1, upper=1.0, start=(0.5, 3.0)), "start range .* must lie inside"),
        (lambda: positive(start=(0.0, 1.0)), "logarithmic search needs a positive start range"),
    ],
)
def test_impossible_kinds_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_own_kinds_are_respected(dense):
    @p2law.law
    def shifted(D, *, B: Amplitude, beta: Annotated[float, exponent(upper=0.25)], shift: Positive, tilt: Real):
        return B * (D + shift) ** -beta + tilt

    fit = p2law.fit(shifted, dense)
    assert fit.params["beta"] <= 0.25
    assert fit.params["shift"] > 0


def test_closed_forms_are_kept_beside_the_law():
    @p2law.law
    def plain(D, *, B: Amplitude, beta: Exponent):
        return B * D**-beta

    @plain.closed_form("inverse")
    def tokens_for(loss, *, B, beta):
        return (B / loss) ** (1 / beta)

    assert plain.closed_forms["inverse"] is tokens_for
    assert tokens_for(plain(1e9, B=5.0, beta=0.3), B=5.0, beta=0.3) == pytest.approx(1e9)


def test_redefined_law_is_a_new_law():
    first, second = (p2law.law(no_parameters_but_one) for _ in range(2))
    assert first != second
    assert np.isfinite(first(1e9, B=1.0))


def no_parameters_but_one(D, *, B: Amplitude):
    return B / D
