"""Whether the published confidence is the share of right answers, however a face was seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import ExpressionReader, confidence_from, softmax
from training.data import FerPlus
from training.expression.certainty import HELD_BACK, Readings, doubts_for, parted
from training.expression.views import Aligner, Sight, seen


def test_the_doubts_that_were_put_in_come_out() -> None:
    random = np.random.default_rng(2)
    probabilities = softmax(random.normal(0, 2, (20_000, 8)).astype(np.float32))
    strains = np.stack([random.uniform(50, 2000, 20_000), random.uniform(0, 3, 20_000)], axis=1)
    strains = strains.astype(np.float32)
    confidence = confidence_from(probabilities, strains @ np.float32([8e-4, 0.4]))
    found = doubts_for(Readings(probabilities, strains, random.random(20_000) < confidence))
    assert found["blur_temperature"] == pytest.approx(8e-4, rel=0.15)
    assert found["turn_temperature"] == pytest.approx(0.4, rel=0.15)


def test_who_is_held_back_is_not_trained_on() -> None:
    every = FerPlus(
        np.zeros((1500, 48, 48), np.uint8), np.arange(15_000, dtype=np.float32).reshape(1500, 10)
    )
    held_back, training = parted(every)
    assert len(held_back.faces) == HELD_BACK
    both = np.concatenate([held_back.votes, training.votes])
    assert np.array_equal(np.sort(both[:, 0]), every.votes[:, 0])


@pytest.mark.timeout(600)
def test_confidence_is_the_share_of_right_answers_near_far_and_blurred(shared_data: Path) -> None:
    folder = shared_data / "ferplus"
    faces = FerPlus.read(folder / "valid.zip", folder / "valid.csv").nameable()
    faces = faces.chosen(np.arange(0, len(faces.faces), 3))
    reader, aligner = ExpressionReader(TfliteEngine(find_model("expression"))), Aligner()
    means = []
    for sight in (Sight(), Sight(24), Sight(16), Sight(blur=3)):
        right, confidences = [], []
        true = faces.one_hot().argmax(1)
        for picture, emotion in zip(seen(faces.faces, sight), true, strict=True):
            told, _ = reader.read(picture.pixels, picture.face, aligner(picture))
            assert told is not None
            right.append(tuple(Emotion).index(told.leading) == emotion)
            confidences.append(told.confidence)
        means.append(float(np.mean(confidences)))
        assert means[-1] == pytest.approx(np.mean(right), abs=0.05), sight
    assert means == sorted(means, reverse=True)
