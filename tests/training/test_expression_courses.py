"""Which faces the courses of the expression model learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from training.augment import FaceAugmentation  # noqa: E402 - after the skips
from training.data import FerPlus  # noqa: E402
from training.expression.courses import BATCH, FOURTH, Course, Phase, take_course  # noqa: E402
from training.fit import Plan  # noqa: E402

BLACK, WHITE = 0, 255
AS_IT_IS = FaceAugmentation(
    contrast=0, brightness=0, gamma=0, soften=0, noise=0, erase=0, scale=0, shift=0, shear=0
)


class Pupil(torch.nn.Module):
    """Notes how many bright faces were in each batch that it learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(48 * 48, 8)
        self.bright: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.bright.append(int((x.mean((1, 2, 3)) > 0.5).sum()))
        return self.layer(x.flatten(1))

    def __deepcopy__(self, memo: object) -> Pupil:
        twin = Pupil()
        twin.load_state_dict(self.state_dict())
        return twin


def faces(count: int, grey: int) -> np.ndarray:
    return np.full((count, 48, 48), grey, np.uint8)


def voted(count: int) -> FerPlus:
    votes = np.zeros((count, 10), np.float32)
    votes[:, 1] = 10
    return FerPlus(faces(count, BLACK), votes)


def course(others: float) -> Course:
    plan = Plan(epochs=1, warmup_epochs=0.5)
    return replace(FOURTH, plan=plan, phases=(Phase(0.0, AS_IT_IS, mixup=0.0),), others=others)


@pytest.mark.parametrize(("others", "seen"), [(0.0, 0), (0.5, BATCH), (9.0, 3 * BATCH)])
def test_so_many_faces_without_votes_are_learned_from_beside_those_with(
    others: float, seen: int, tmp_path: Path
) -> None:
    pupil, training = Pupil(), voted(2 * BATCH)
    unlabelled = faces(3 * BATCH, WHITE)
    take_course(pupil, training, training, course(others), tmp_path, others=unlabelled)
    assert sum(pupil.bright) == seen
    assert len(pupil.bright) == 2 + seen // BATCH


def test_a_course_without_the_faces_that_it_needs_says_so(tmp_path: Path) -> None:
    training = voted(BATCH)
    with pytest.raises(ValueError, match="fourth course needs faces without votes"):
        take_course(Pupil(), training, training, course(0.5), tmp_path)
