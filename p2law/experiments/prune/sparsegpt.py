"""SparseGPT: zero the cheapest weights and correct the others (Frantar and Alistarh 2023, arXiv 2301.00774).

With H = X^T X + lambda I and U the upper Cholesky factor of H^-1, weight (i, j) costs W_ij^2 / U_jj^2. Columns are
taken from left to right in blocks; the error of each is made good by the columns to its right.
"""

from ..runtime import torch
from .method import Sparse
from .pattern import Pattern

BLOCK = 128
"""Columns whose zeros are chosen together."""
DAMPING = 0.01
"""lambda as a fraction of the mean diagonal of X^T X."""


def zero(
    weight: torch.Tensor, gram: torch.Tensor | None, pattern: Pattern, sparsity: float, *, block: int = BLOCK
) -> tuple[torch.Tensor, torch.Tensor]:
    """The corrected matrix and the mask of what is kept."""
    assert gram is not None
    work, upper = weight.detach().float().clone(), _inverse_factor(gram.float())
    mask = torch.ones_like(work, dtype=torch.bool)
    for begin in range(0, work.shape[1], block):
        end = min(begin + block, work.shape[1])
        errors = _one_block(work, mask, upper, range(begin, end), pattern, sparsity)
        work[:, end:] -= errors @ upper[begin:end, end:]
    return (work * mask).to(weight.dtype), mask


def _one_block(
    work: torch.Tensor, mask: torch.Tensor, upper: torch.Tensor, columns: range, pattern: Pattern, sparsity: float
) -> torch.Tensor:
    """Choose and correct within a block of columns, in place; errors still to be spread to its right."""
    begin, end = columns.start, columns.stop
    diagonal, errors = upper.diagonal(), torch.zeros_like(work[:, begin:end])
    if not pattern.m:
        mask[:, begin:end] = pattern.kept((work[:, begin:end] / diagonal[begin:end]).square(), sparsity)
    for j in columns:
        if pattern.m and j % pattern.m == 0:  # by weights already corrected by the columns to the left
            group = slice(j, j + pattern.m)
            mask[:, group] = pattern.kept((work[:, group] / diagonal[group]).square(), sparsity)
        error = work[:, j] * ~mask[:, j] / diagonal[j]
        work[:, j + 1 : end] -= torch.outer(error, upper[j, j + 1 : end])
        errors[:, j - begin] = error
    return errors


def _inverse_factor(gram: torch.Tensor) -> torch.Tensor:
    """Upper Cholesky factor of the inverse of the damped matrix; inputs that are always zero count as independent."""
    damped = gram.clone()
    diagonal = damped.diagonal()
    diagonal[diagonal == 0] = 1
    diagonal += DAMPING * diagonal.mean()
    return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)


METHOD = Sparse("sparsegpt", "Frantar and Alistarh 2023, arXiv 2301.00774", "gram", "layer", zero)
