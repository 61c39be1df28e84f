"""What a law is: a documented, differentiable function that means the same everywhere."""

import jax
import numpy as np

from tests.contract.designs import columns, design, middle


def test_docstring_states_the_formula_and_the_source(law):
    assert law.title != law.name
    assert law.reference
    assert ".. math::" in law.doc


def test_losses_are_finite_over_the_design(law):
    loss = law(*columns(law, design(law)), **middle(law))
    assert np.all(np.isfinite(loss))
    assert np.all(loss > 0)


def test_compiled_and_plain_agree(law):
    at, constants = columns(law, design(law)), middle(law)
    with jax.enable_x64(True):
        compiled = np.asarray(jax.jit(law.function)(*at, **constants))
    np.testing.assert_allclose(compiled, law(*at, **constants), rtol=1e-13)


def test_columns_and_constants_may_be_given_by_name(law):
    table, constants = design(law), middle(law)
    named = {v.name: table[v.name] for v in law.variables}
    np.testing.assert_array_equal(law(**named, **constants), law(*columns(law, table), **constants))


def test_gradient_is_finite_and_equals_finite_differences(law):
    at, constants = columns(law, design(law)), middle(law)
    with jax.enable_x64(True):
        gradient = jax.grad(lambda c: law.function(*at, **c).mean())(constants)
    for name, value in constants.items():
        step = 1e-5 * abs(value)
        above, below = ((law(*at, **constants | {name: value + s})).mean() for s in (step, -step))
        np.testing.assert_allclose(gradient[name], (above - below) / (2 * step), rtol=1e-6, err_msg=name)


def test_users_own_precision_is_kept(law):
    at, constants = columns(law, design(law)), middle(law)
    single = law(*(jax.numpy.asarray(c, dtype="float32") for c in at), **constants)
    assert isinstance(single, jax.Array)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, law(*at, **constants), rtol=1e-3)
