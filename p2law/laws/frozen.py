"""A dict that cannot be changed: the constants of a fit, and those that a paper printed."""

from typing import Any, NoReturn, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FrozenDict(dict[Key, Value]):
    """A read-only dict: it prints, compares and unpacks like any other; a copy and ``|`` are ordinary dicts."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("these values are read-only: change a copy of them, dict(...).")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type, tuple[dict[Key, Value]]]:
        return type(self), (dict(self),)
