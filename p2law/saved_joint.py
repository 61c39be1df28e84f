"""Joint fits as JSON: the joint fit and the separate ones, each as a fit is saved."""

from os import PathLike
from types import MappingProxyType

from .errors import FitError
from .joining import Joint
from .laws import Law
from .laws._joint import joint_law
from .records import read_record, write_record
from .saved import fit_of, fit_record, known_law

FORMAT = "p2law.joint"
VERSION = 1


def to_json(joint: Joint, path: str | PathLike[str] | None = None) -> str:
    """See :meth:`p2law.joining.Joint.to_json`."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "by": joint.by,
        "groups": list(joint.groups),
        "shared": list(joint.shared),
        "joint": fit_record(joint.fit),
        "separate": {group: fit_record(fit) for group, fit in joint.separate.items()},
    }
    return write_record(record, path)


def from_json(source: str | PathLike[str], *, law: Law | None = None) -> Joint:
    """See :meth:`p2law.joining.Joint.from_json`."""
    record = read_record(source, FORMAT, VERSION)
    missing = [key for key in ("by", "groups", "shared", "joint", "separate") if key not in record]
    if missing or not record["separate"]:
        raise FitError(f"this joint fit lacks {', '.join(missing) or 'its groups'}: it was cut or edited; fit again.")
    groups, shared = tuple(record["groups"]), tuple(record["shared"])
    law = known_law(next(iter(record["separate"].values())).get("law"), law, "Joint")
    separate = {group: fit_of(each, law) for group, each in record["separate"].items()}
    fit = fit_of(record["joint"], joint_law(law, groups, shared))
    return Joint(fit, record["by"], groups, shared, MappingProxyType(separate))
