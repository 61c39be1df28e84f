"""Sparse pre-training: prune by magnitude while training, as a schedule says.

The method of Jin et al. 2025 (arXiv 2501.12486): the weights of lowest magnitude go, a little every few steps, between
25 % and 75 % of the training compute.
"""

from ..schedules import PruningSchedule
from . import parallel
from ._torch import Model, torch
from .prune import magnitude
from .prune._pattern import parse
from .prune._sparsify import sparsify
from .prune.masks import Masks
from .train import Remask


def remasking(schedule: PruningSchedule, steps: int, *, every: int, pattern: str = "layer") -> Remask:
    """What prunes a model under training at the steps of a schedule.

    Weights pruned once stay so: they are zero, and nothing is of lower magnitude.

    Parameters
    ----------
    pattern : {"layer", "global", "row"}
        Where magnitudes are compared. The authors' own code ranks the whole model ("global").
    """
    left, where = schedule.at_steps(steps, every=every), parse(pattern)

    def remask(step: int, model: Model) -> Masks | None:
        before = left[step - 1] if step else 1.0
        if not left[step] < before:
            return None
        with torch.no_grad(), parallel.gathered(model):  # whole matrices are ranked; the masks then zero every part
            return sparsify(model, magnitude.METHOD, where, 1 - float(left[step]), None)

    return remask
