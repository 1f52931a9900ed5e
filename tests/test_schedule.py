"""Rows, batches and rates of every step."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_binnet._training import _schedule
from sklearn_binnet._training._schedule import RowOrder, bucket, epochs_a_call, rate_factors, resident_rows, step_rates
from tests.engine_cases import make_settings


def test_first_buckets():
    expected = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40]
    assert sorted({bucket(n) for n in range(1, 41)}) == expected
    assert bucket(0) == 1


@given(st.integers(1, 10**9))
def test_bucket_is_the_next_and_wastes_at_most_a_quarter(n):
    held = bucket(n)
    assert n <= held <= 1.25 * n
    assert bucket(held) == held


@given(st.integers(1, 10**8))
def test_resident_rows(n):
    held = resident_rows(n)
    assert n <= held <= max(2 * n, 2)
    assert held <= 1.25 * n or n <= 1 << 16


@given(st.integers(1, 50), st.integers(1, 10**5), st.integers(1, 5000))
def test_epochs_a_call_fit_in_memory(members, steps, batch):
    epochs = epochs_a_call(members, steps, batch)
    assert 1 <= epochs <= _schedule.EPOCHS_A_CALL
    assert epochs == 1 or epochs * members * steps * batch <= 1 << 20


@settings(deadline=None)
@given(
    rows=st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True),
    batch_size=st.integers(1, 70),
    wider=st.integers(0, 5),
    more_steps=st.integers(0, 3),
    seed=st.integers(0, 2**63),
)
def test_batches_hold_every_row_once_an_epoch(rows, batch_size, wider, more_steps, seed):
    steps = -(-len(rows) // batch_size)
    same, order = RowOrder(np.array(rows), seed), RowOrder(np.array(rows), seed)
    for _ in range(2):
        flat = same.rows()
        out = order.batches(batch_size, steps + more_steps, batch_size + wider)
        assert out.shape == (steps + more_steps, batch_size + wider)
        assert sorted(flat) == sorted(rows)
        taken = out[:steps, :batch_size].ravel()[: len(rows)]
        np.testing.assert_array_equal(taken, flat)
        assert set(out.ravel()) <= set(rows)  # padding is a row of the member's own


def test_row_order_is_new_each_epoch_and_the_seeds_alone():
    a, b, c = RowOrder(np.arange(50), 1), RowOrder(np.arange(50), 1), RowOrder(np.arange(50), 2)
    first, second = a.rows(), a.rows()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, b.rows())
    assert not np.array_equal(first, c.rows())


def test_named_schedules():
    np.testing.assert_array_equal(rate_factors("constant", 3), [1, 1, 1])
    np.testing.assert_allclose(rate_factors("cosine", 4), [1, (1 + np.sqrt(0.5)) / 2, 0.5, (1 - np.sqrt(0.5)) / 2])
    coslog = rate_factors("coslog4", 15 * 64)
    assert coslog[0] == 0
    np.testing.assert_allclose(coslog[[64, 3 * 64, 7 * 64]], 0, atol=1e-6)  # t = 1/15, 3/15, 7/15: a cycle ends
    assert coslog.max() == pytest.approx(1, abs=1e-3)
    assert all(rate_factors(name, 7).dtype == np.float32 for name in _schedule.SCHEDULES)


def test_keras_schedule_goes_on_from_the_steps_before():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    rates = step_rates(make_settings(schedule=schedule, epochs=3), steps=4, before=6)
    np.testing.assert_allclose(rates, [0.1 * 0.5 ** ((6 + i) / 10) for i in range(12)], rtol=1e-6)
    named = step_rates(make_settings(schedule="cosine", epochs=3), steps=4, before=6)
    np.testing.assert_array_equal(named, rate_factors("cosine", 12))
