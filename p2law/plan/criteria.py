"""When training has gone on long enough: a value that some metric of the loss curve must come down to.

Every criterion is a metric of the curve that falls with tokens (slope, drop per doubling, loss left to recover, loss)
and a value for it; the answer is where the curve reaches that value.
"""

from dataclasses import dataclass
from typing import Any, Literal

from ..data.arguments import number
from ..data.quantities import format_quantity
from ..errors import FitError

CurveMetric = Literal["slope", "doubling", "remaining", "loss"]


@dataclass(frozen=True)
class Slope:
    """Stop when the loss falls more slowly than this.

    Parameters
    ----------
    value : float
        Nats per token of loss, per unit of ``per``.
    per : {"token", "1e9 tokens", "doubling"}
        Per token, per billion tokens, or per doubling of the tokens so far.
    """

    value: float
    per: Literal["token", "1e9 tokens", "doubling"] = "token"

    def __post_init__(self) -> None:
        _positive(self, self.value)
        if self.per not in ("token", "1e9 tokens", "doubling"):
            raise FitError(f"Slope(per={self.per!r}): choose 'token', '1e9 tokens' or 'doubling'.")

    def __str__(self) -> str:
        if self.per == "doubling":
            return f"a further doubling gains ≤ {self.value:g} nats"
        return f"the loss falls by ≤ {self.value:g} nats per {self.per}"


@dataclass(frozen=True)
class Remaining:
    """Stop when no more than ``value`` nats are left to recover by training on for ever."""

    value: float

    def __post_init__(self) -> None:
        _positive(self, self.value)

    def __str__(self) -> str:
        return f"≤ {self.value:g} nats are left to recover"


@dataclass(frozen=True)
class Recovered:
    """Stop when a fraction of the loss that can be recovered from ``start`` tokens on is recovered.

    Parameters
    ----------
    fraction : float
        Between 0 and 1.
    start : float
        Tokens from which the recovery is counted; the law has no value at zero tokens.
    """

    fraction: float
    start: float

    def __post_init__(self) -> None:
        number("Recovered's fraction", self.fraction, low=0, high=1)
        number("Recovered's start", self.start, low=0, must="must be a positive number of tokens")

    def __str__(self) -> str:
        after = f"after {format_quantity(self.start)} tokens"
        return f"{100 * self.fraction:g} % of what can be recovered {after} is recovered"


@dataclass(frozen=True)
class Target:
    """Stop when the loss is down to ``value`` nats per token."""

    value: float

    def __post_init__(self) -> None:
        _positive(self, self.value)

    def __str__(self) -> str:
        return f"the loss is {self.value:g} nats per token"


@dataclass(frozen=True)
class Price:
    """Stop when a further token costs more than it is worth: minimise training cost plus ``per_nat`` times the loss.

    Parameters
    ----------
    per_nat : float
        What one nat per token of loss is worth, in your currency.
    per_token, per_flop, per_gpu_hour : float
        Cost of training, one of the three. With ``per_flop`` a token costs 6 N FLOPs, N the parameters left after
        pruning; with ``per_gpu_hour`` a GPU does ``mfu * peak`` FLOPs a second.
    mfu, peak : float, optional
        Model FLOPs utilisation (0 to 1) and peak FLOPs per second of a GPU; both needed with ``per_gpu_hour``.
    currency : str
        Name of the currency, for reports: ``"USD"``, ``"GPU-hours"``; empty leaves it unsaid.
    """

    per_nat: float
    per_token: float | None = None
    per_flop: float | None = None
    per_gpu_hour: float | None = None
    mfu: float | None = None
    peak: float | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        _positive(self, self.per_nat)
        if not isinstance(self.currency, str):
            raise FitError(f"Price's currency={self.currency!r}: give its name, e.g. 'USD'.")
        costs = {n: getattr(self, n) for n in ("per_token", "per_flop", "per_gpu_hour") if getattr(self, n) is not None}
        if len(costs) != 1:
            raise FitError("Price needs exactly one cost: per_token, per_flop or per_gpu_hour.")
        for name, cost in costs.items():
            number(f"Price's {name}", cost, low=0, must="must be a positive cost")
        if self.per_gpu_hour is not None:
            needs = "per_gpu_hour needs mfu (0 to 1) and peak (FLOPs/s of one GPU)"
            number("Price's mfu", self.mfu, low=0, high=1 + 1e-12, must=needs)
            number("Price's peak", self.peak, low=0, must=needs)

    def token_cost(self, params: Any) -> Any:
        """Cost of one token for a model, or models, with this many parameters left (None: unknown)."""
        if self.per_token is not None:
            return self.per_token
        if params is None:
            raise FitError("Price per FLOP or GPU-hour needs the law's parameter count; give per_token instead.")
        flop = self.per_flop
        if flop is None:
            flop = self.per_gpu_hour / (3600 * self.mfu * self.peak)  # type: ignore[operator]
        return 6 * params * flop

    def __str__(self) -> str:
        return f"a token costs more than the loss it saves is worth, at {self.money(self.per_nat)} per nat"

    def money(self, amount: float) -> str:
        """An amount with its currency."""
        return f"{format_quantity(amount)} {self.currency}".rstrip()


Criterion = Slope | Remaining | Recovered | Target | Price


def _positive(criterion: object, value: Any) -> None:
    number(f"{type(criterion).__name__}'s value", value, low=0, must="must be a positive number")
