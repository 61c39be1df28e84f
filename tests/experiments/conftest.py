"""Random models of every family and a text to calibrate on; torch is imported only where a test asks for one."""

import pytest


@pytest.fixture(params=range(5), ids=["llama-tied", "llama-untied", "qwen2-tied", "qwen3-untied", "mistral-tied"])
def parent(request):
    """A random model of every family, tied and not, with two query heads per group."""
    from tests.experiments.models import KINDS, random_parent, tiny

    return random_parent(tiny(*KINDS[request.param]))


@pytest.fixture
def llama():
    from tests.experiments.models import random_parent, tiny

    return random_parent(tiny())


@pytest.fixture
def tokens():
    from tests.experiments.models import torch

    return torch.randint(0, 257, (12, 24), generator=torch.Generator().manual_seed(3))
