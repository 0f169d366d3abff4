"""Targets, calibration and figures of the age and gender model."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from training.augment import mixed  # noqa: E402 - after the skips
from training.calibrate import deviation_scale_for  # noqa: E402
from training.demographics.card import worse_cameras  # noqa: E402
from training.demographics.evaluate import Answers  # noqa: E402
from training.demographics.train import (  # noqa: E402
    AGES,
    SECOND,
    SIDE,
    STAGES,
    DemographicsNet,
    Stage,
    Targets,
    calibration_of,
    expectations,
    label_distributions,
    loss,
    told,
)
from training.demographics.utkface import UtkFace  # noqa: E402
from training.networks import multiply_accumulates  # noqa: E402


def faces(ages: np.ndarray, female: np.ndarray) -> UtkFace:
    blank = [np.zeros((8, 8, 3), np.uint8)] * len(ages)
    return UtkFace(("x",) * len(ages), blank, ages.astype(np.float32), female)


def test_the_target_is_a_distribution_about_the_age_wider_for_the_old() -> None:
    targets = label_distributions(torch.tensor([5.0, 30.0, 80.0]))
    assert torch.allclose(targets.sum(1), torch.ones(3))
    assert targets.argmax(1).tolist() == [5, 30, 80]
    assert torch.allclose(expectations(targets.log()), torch.tensor([5.0, 30.0, 80.0]), atol=0.1)
    assert targets.max(1).values.diff().max() < 0


def targets(ages: list[float], female: list[float]) -> Targets:
    years = torch.tensor(ages)
    return Targets(label_distributions(years), years, torch.tensor(female))


def test_the_loss_is_least_for_the_truth() -> None:
    truth = targets([20.0, 60.0], [1.0, 0.0])

    def of(years: torch.Tensor, logits: torch.Tensor) -> float:
        outputs = label_distributions(years).clamp_min(1e-9).log(), logits[:, None]
        return float(loss(outputs, truth, SECOND))

    least = of(truth.years, torch.tensor([4.0, -4.0]))
    assert least < of(truth.years + 10, torch.tensor([4.0, -4.0]))
    assert least < of(truth.years, torch.tensor([-4.0, 4.0]))


def test_the_taught_part_of_the_targets_comes_from_the_other() -> None:
    labels, teacher = targets([20.0], [1.0]), targets([30.0], [0.5])
    blend = labels.taught_by(teacher, 0.5)
    assert blend.years.item() == pytest.approx(25)
    assert blend.female.item() == pytest.approx(0.75)
    assert blend.ages.sum().item() == pytest.approx(1)
    assert blend.ages[0, 20] == pytest.approx(labels.ages[0, 20].item() / 2, rel=0.01)


def test_mixed_faces_have_mixed_targets() -> None:
    torch.manual_seed(3)
    known = targets([20.0, 60.0] * 4, [1.0, 0.0] * 4)
    images = torch.zeros(8, 3, 8, 8)
    images[1::2] = 1.0
    seen, rows = mixed(images, known.rows(), mixup=1.0)
    wanted = Targets.from_rows(rows)
    second = seen.mean((1, 2, 3))
    assert ((second > 0) & (second < 1)).any()
    assert torch.allclose(wanted.years, 20 + 40 * second)
    assert torch.allclose(wanted.female, 1 - second, atol=1e-6)
    assert torch.allclose(wanted.ages.sum(1), torch.ones(8))


def test_faces_are_no_longer_mixed_in_the_end() -> None:
    last = STAGES[-1]
    phases = [last.phase(epoch) for epoch in range(last.plan.epochs)]
    mixing = [phase.mixup + phase.cutmix > 0 for phase in phases]
    assert mixing == sorted(mixing, reverse=True)
    assert mixing[0]
    assert not mixing[-1]


def test_a_network_tells_targets_that_do_not_change_in_the_mirror() -> None:
    torch.manual_seed(0)
    chips = np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE, 3), np.uint8)
    network = DemographicsNet()
    given = told(network, chips)
    mirrored = told(network, np.ascontiguousarray(chips[:, :, ::-1]))
    assert given.ages.shape == (3, AGES)
    assert torch.allclose(given.ages.sum(1), torch.ones(3))
    assert torch.allclose(given.years, mirrored.years, atol=0.1)
    assert torch.allclose(given.female, mirrored.female, atol=0.01)


def test_the_network_keeps_to_its_budget() -> None:
    network = DemographicsNet()
    assert multiply_accumulates(network, torch.zeros(1, 3, SIDE, SIDE)) <= 80e6
    assert sum(weights.numel() for weights in network.parameters()) <= 1.4e6
    age, female = network.eval()(torch.rand(2, 3, SIDE, SIDE))
    assert age.shape == (2, AGES)
    assert female.shape == (2, 1)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_augmented_faces_are_images_of_the_models_size(stage: Stage) -> None:
    torch.manual_seed(0)
    for epoch in range(0, stage.plan.epochs, 4):
        seen = stage.phase(epoch).augmentation(torch.rand(6, 3, 112, 112))
        assert seen.shape[:2] == (6, 3)
        assert seen.shape[2] == seen.shape[3] <= SIDE
        assert seen.min() >= 0
        assert seen.max() <= 1
    last = stage.phase(stage.plan.epochs - 1).augmentation
    assert last.side == SIDE


def test_the_deviation_scale_covers_four_in_five() -> None:
    random = np.random.default_rng(0)
    deviations = random.uniform(1, 10, 20_000)
    errors = random.normal(0, 1.7 * deviations)
    assert deviation_scale_for(errors, deviations) == pytest.approx(1.7, rel=0.03)


def test_calibration_finds_what_was_overstated() -> None:
    random = np.random.default_rng(0)
    ages = random.uniform(10, 80, 20_000)
    logits = random.normal(0, 3, 20_000)
    female = random.random(20_000) < 1 / (1 + np.exp(-logits))
    overstated = Answers(
        ages + random.normal(0, 6, 20_000),
        np.full(20_000, 3.0),
        1 / (1 + np.exp(-2 * logits)),
        faces(ages, female),
    )
    found = calibration_of(overstated)
    assert found["age_deviation_scale"] == pytest.approx(2, rel=0.05)
    assert found["gender_temperature"] == pytest.approx(2, rel=0.1)


def test_the_figures_are_those_of_the_definition() -> None:
    given = Answers(
        np.array([10.0, 34.0, 50.0, 70.0]),
        np.array([1.0, 4.0, 2.0, 10.0]),
        np.array([0.9, 0.2, 0.6, 0.4]),
        faces(np.array([11.0, 30.0, 56.0, 70.0]), np.array([True, False, False, False])),
    )
    figures = given.figures()
    assert figures["n"] == 4
    assert figures["age_mae"] == pytest.approx(11 / 4)
    assert figures["age_interval_80_coverage"] == pytest.approx(0.75)
    assert figures["gender_accuracy"] == pytest.approx(0.75)
    assert figures["gender_accuracy_over_15"] == pytest.approx(2 / 3)


def test_worse_cameras_still_deliver_images() -> None:
    chip = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)
    for name, change in worse_cameras().items():
        seen = change(chip)
        assert seen.dtype == np.uint8, name
        assert seen.shape[2] == 3, name
        assert seen.shape[0] == seen.shape[1], name
