"""``p2law joint``: one law over several methods or families, some constants shared."""

from argparse import ArgumentParser, Namespace

from ..joining import joint
from . import files, sources, tables, values
from .answers import verdict
from .command import Command
from .fitting import fitted_arguments, settings, table_and_law


def _arguments(parser: ArgumentParser) -> None:
    table_and_law(parser)
    add = parser.add_argument
    add("--by", required=True, metavar="COLUMN", help="tells the groups apart, such as method")
    add("--shared", required=True, type=values.names, metavar="beta,E", help="constants that all groups have in common")
    add("--out", metavar="JOINT.json", help="save it; other commands take a group of it as JOINT.json:GROUP")
    fitted_arguments(parser)


def _joint(options: Namespace) -> int:
    files.check_target(options.out)
    how = {name: value for name, value in settings(options).items() if name != "tied" or value}
    found = joint(sources.find_law(options.law), tables.rows(options), by=options.by, shared=options.shared, **how)
    print(found.summary())
    if options.out:
        found.to_json(options.out)
        print(f"\nsaved {options.out}; a group of it is {options.out}:{found.groups[0]}")
    return verdict(found.fit)


JOINT = Command(
    "Fit a law to several groups of runs at once, with some constants shared, and test the sharing.",
    _arguments,
    _joint,
    (
        "mini-pruning --law p2 --by method --shared beta --min-tokens 300k",
        "mini-pruning --law p2 --by method --shared beta,delta --baseline control --out joint.json",
    ),
)
