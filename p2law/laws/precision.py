"""The one place that enters float64.

Scaling-law fits need it: in float32 the constants of a Chinchilla fit scatter in the third digit and some starts stall
far from the optimum. JAX's flag is entered as a context, so the user's own precision is never touched, and everything
that leaves a public function is NumPy or a Python float.
"""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def float64() -> Generator[None]:
    """Run the enclosed JAX work in float64 on the CPU, where fits of this size are fastest.

    The user's own settings (precision, promotion rules) hold outside and again afterwards.
    """
    import jax  # not above: laws are listed and read without it

    with (
        jax.enable_x64(True),
        jax.default_device(jax.devices("cpu")[0]),  # pyright: ignore[reportUnknownMemberType]
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield
