"""Faces that are mixed keep targets that say what they show."""

from __future__ import annotations

import pytest
import torch

from training.augment import FaceAugmentation, mixed

SIDE = 16


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """64 images, each of one grey that its target states too: (grey, 1 - grey)."""
    torch.manual_seed(0)
    shares = torch.rand(64)
    return shares[:, None, None, None].expand(64, 1, SIDE, SIDE), torch.stack(
        [shares, 1 - shares], 1
    )


@pytest.mark.parametrize("shares", [{"mixup": 1.0}, {"mixup": 0.0, "cutmix": 1.0}], ids=str)
def test_targets_follow_the_share_of_each_face(
    batch: tuple[torch.Tensor, torch.Tensor], shares: dict[str, float]
) -> None:
    images, targets = batch
    seen, wanted = mixed(images, targets, **shares)
    assert not torch.equal(seen, images)
    torch.testing.assert_close(wanted.sum(1), torch.ones(64))
    torch.testing.assert_close(seen.mean((1, 2, 3)), wanted[:, 0])


def test_cutmix_keeps_every_pixel_of_one_face_or_the_other(
    batch: tuple[torch.Tensor, torch.Tensor],
) -> None:
    images, targets = batch
    seen, _ = mixed(images, targets, mixup=0.0, cutmix=1.0)
    greys = torch.unique(images)
    assert all(len(torch.unique(face)) <= 2 for face in seen)
    assert torch.isin(seen, greys).all()


def test_no_share_no_change(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, targets = batch
    seen, wanted = mixed(images, targets, mixup=0.0)
    assert torch.equal(seen, images)
    assert torch.equal(wanted, targets)


def test_an_augmented_face_is_an_image_again() -> None:
    torch.manual_seed(0)
    seen = FaceAugmentation(erase=1.0, smallest_side=8)(torch.rand(32, 1, SIDE, SIDE))
    assert seen.shape == (32, 1, SIDE, SIDE)
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1
