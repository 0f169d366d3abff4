"""What is released of the detector's courses."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from training.fit import mean_of  # noqa: E402 - after the skips


def test_the_mean_of_networks_is_that_of_their_weights() -> None:
    states = [
        {"weight": torch.full((2,), w), "count": torch.tensor(int(w))} for w in (1.0, 2.0, 6.0)
    ]
    mean = mean_of(states)
    assert mean["weight"].tolist() == [3.0, 3.0]
    assert mean["count"] == 6
    assert mean_of(states[-1:])["weight"].tolist() == [6.0, 6.0]
    assert states[0]["weight"].tolist() == [1.0, 1.0]
