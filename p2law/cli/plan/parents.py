"""The dense model that is pruned, and who pays for it, as options."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from ...errors import DataError
from ...plan import Parent
from ...quantities import parse_quantity
from .. import sources, values

_KEYS = ("size", "tokens", "loss")
HELP = "the model pruned: parameters, tokens trained on, loss (a number, or FIT.json of the control's curve)"


def bill_arguments(parser: ArgumentParser) -> None:
    """Who pays for the parent."""
    add = parser.add_argument_group("who pays for the parent").add_argument
    add("--charge", choices=("sunk", "tokens", "flops"), default="sunk", help="nobody (default), or in which coin")
    add("--children", type=values.quantity, default=1, help="models pruned from it, which share its price (default: 1)")


def parent_of(given: Mapping[str, str], options: Namespace) -> tuple[Parent, Any]:
    """A parent from ``size=8B,tokens=15T,loss=2.1``, and the fit of its loss if that is one.

    Raises
    ------
    DataError
        If a name or a number makes no sense.
    """
    wrong = [name for name in given if name not in _KEYS]
    if wrong:
        raise DataError(f"--parent {wrong[0]}=...: it has {', '.join(_KEYS)}.")
    found: dict[str, Any] = {}
    for name, text in given.items():
        try:
            found[name] = parse_quantity(text)
        except ValueError as error:
            if name != "loss":
                raise DataError(f"--parent {name}={text}: {error}") from error
            found[name] = sources.find(text, options)
    loss = found.get("loss")
    return Parent(**found), None if isinstance(loss, float) else loss
