"""Records cannot be written into through their tables."""

import copy
import pickle
from dataclasses import replace

import pandas as pd
import pytest

from p2law import plan
from p2law.laws.published import BESIROGLU_2024


@pytest.fixture
def record():
    return plan.optimal_tokens(BESIROGLU_2024, criterion=plan.Remaining(0.05), N=[7e9, 70e9])


def test_writing_into_a_look_at_the_table_leaves_the_record_as_it_was(record):
    before = record.summary()
    for look in (record.table, record.to_frame()):
        look.loc[0, "tokens"] = 1.0
    assert record.summary() == before
    with pytest.raises(AttributeError):
        record.table = pd.DataFrame()


def test_records_are_copied_and_pickled_as_ever(record):
    other = plan.overtraining(BESIROGLU_2024, 1e21, [1e9, 2e9])
    assert str(replace(record, level=0.9).table) == str(record.table)
    for same in (pickle.loads(pickle.dumps(other)), copy.deepcopy(other)):
        pd.testing.assert_frame_equal(same.table, other.table)
        assert same.summary() == other.summary()


def test_one_line_says_what_a_record_is(record):
    assert repr(record) == "<TokenPlan: Tokens until ≤ 0.05 nats are left to recover (95 % interval)>"


def test_a_single_number_is_read_without_a_copy_of_the_table(monkeypatch):
    found = plan.compute_optimal(BESIROGLU_2024, 1e21)
    monkeypatch.setattr(pd.DataFrame, "copy", lambda *_, **__: pytest.fail("copied"))
    assert found.N > 0
