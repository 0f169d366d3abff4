"""What labels are made of: the mesh's convention, lids, irises, smiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.face_geometry.eyelids import LOWER_LIDS, UPPER_LIDS, aspect_ratios, with_closed_eyes
from training.face_geometry.irises import CORNERS, IRISES, IrisGaze, iris_offsets, turned
from training.face_geometry.mesh_convention import LEFT_EYE, RIGHT_EYE, Convention, Frames
from training.face_geometry.meshes import MIDLINE, Meshes, mean_of, mirrored_order
from training.face_geometry.smiles import LIPS, Smiles

RANDOM = np.random.default_rng(0)
SHAPE = RANDOM.normal(0, 20, (478, 3)) + np.array([80, 80, 0])
SHAPE[list(LEFT_EYE), :2] = RANDOM.normal((60, 70), 1, (6, 2))
SHAPE[list(RIGHT_EYE), :2] = RANDOM.normal((100, 70), 1, (6, 2))


def meshes(count: int) -> np.ndarray:
    """Variants of one mesh, each elsewhere, of another size and turned in the plane."""
    random = np.random.default_rng(1)
    made = []
    for _ in range(count):
        angle, scale = random.uniform(-0.5, 0.5), random.uniform(0.7, 1.4)
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        mesh = SHAPE + random.normal(0, 0.05, SHAPE.shape)
        flat = mesh[:, :2] @ np.array([[cos, -sin], [sin, cos]]).T + random.uniform(-9, 9, 2)
        made.append(np.column_stack([flat, mesh[:, 2] * scale]))
    return np.array(made)


def test_frames_undo_place_size_and_turn() -> None:
    some = meshes(20)
    inside = Frames.of(some).inside(some[..., :2])
    assert np.abs(inside - inside[0]).max() < 0.2
    assert np.allclose(Frames.of(some).outside(inside), some[..., :2])


def test_the_labellers_points_are_found_from_the_mesh() -> None:
    some = meshes(400)
    frames = Frames.of(some)
    marked = frames.inside(some[:, :68, :2]) + np.array([0.05, -0.02])
    labels = frames.outside(marked)
    convention = Convention.between(some[:300], labels[:300])
    error = np.linalg.norm(convention.points(some[300:]) - labels[300:], axis=2)
    assert error.mean() < 0.5
    assert np.linalg.norm(some[300:, :68, :2] - labels[300:], axis=2).mean() > 1


def symmetric() -> tuple[np.ndarray, np.ndarray]:
    """A mesh that its own mirror image is, and which point of it takes the place of each."""
    random = np.random.default_rng(3)
    order = np.arange(478)
    for left, right in zip(LEFT_EYE, np.array(RIGHT_EYE)[[3, 2, 1, 0, 5, 4]], strict=True):
        order[[left, right]] = right, left
    free = np.setdiff1d(np.arange(478), [*MIDLINE, *LEFT_EYE, *RIGHT_EYE])
    for one, other in free[: len(free) // 2 * 2].reshape(-1, 2):
        order[[one, other]] = other, one
    mesh = random.normal(0, 20, (478, 3))
    mesh[list(LEFT_EYE), 0] -= 60
    mesh = np.where((order > np.arange(478))[:, None], mesh, mesh[order] * [-1, 1, 1])
    mesh[order == np.arange(478), 0] = 0
    return mesh + np.array([80, 80, 0]), order


def looks_at(mesh: np.ndarray, order: np.ndarray, error: float) -> np.ndarray:
    """At a chip of 160 pixels with this face and at its mirror image, mirrored back in place."""
    seen = mesh + np.random.default_rng(4).normal(0, 0.2, (20, 2, 478, 3))
    seen[:, 0, :, 0] += error
    seen[:, 1, :, 0] -= error
    seen[:, 1] = seen[:, 1][:, order]
    return seen.astype(np.float32)


def test_points_that_mirror_each_other_are_found() -> None:
    mesh, order = symmetric()
    assert (mirrored_order(looks_at(mesh, order, 0)[:, 0]) == order).all()


def test_the_mean_of_two_looks_is_free_of_what_each_errs_to_its_own_side(tmp_path: Path) -> None:
    mesh, order = symmetric()
    looks = looks_at(mesh, order, 3)
    looks[5, 1] = np.nan  # no face was found in the mirror image
    np.savez(tmp_path / "mesh.npz", names=[str(i) for i in range(20)], looks=looks)
    read = Meshes.read(tmp_path / "mesh.npz")
    assert read.names[5] == "5"
    off = np.abs(read.points - mesh).mean((1, 2))
    assert off[5] > 1
    assert np.delete(off, 5).max() < 0.3
    assert (mean_of(looks) == read.points).all()


def open_eyes(opening: float) -> np.ndarray:
    """A mesh with two eyes of 16 pixels from corner to corner."""
    mesh = np.zeros((478, 3))
    for left, upper, lower in zip((32, 80), UPPER_LIDS, LOWER_LIDS, strict=True):
        x = left + np.linspace(0, 16, 9)
        arch = np.sin(np.linspace(0, np.pi, 9)) * opening / 2
        mesh[list(upper), :2] = np.column_stack([x, 50 - arch])
        mesh[list(lower), :2] = np.column_stack([x, 50 + arch])
    return mesh


def test_the_aspect_ratio_tells_open_from_closed() -> None:
    wide, shut = (aspect_ratios(open_eyes(height)[None])[0] for height in (6.0, 0.5))
    assert wide == pytest.approx([0.36, 0.36], abs=0.05)
    assert shut.max() < 0.05


def test_a_closed_lid_hides_the_eye() -> None:
    image = np.full((100, 130), 180, np.uint8)
    mesh = open_eyes(8.0)
    for x in (40, 88):
        image[47:54, x - 3 : x + 4] = 20
    shut = with_closed_eyes(image, mesh, np.random.default_rng(0))
    dark = (image < 100).sum()
    assert (shut < 100).sum() < dark / 3
    assert (shut[:30] == 180).all()
    assert (shut[80:] == 180).all()


def looking(yaw: float, pitch: float, head_yaw: float) -> np.ndarray:
    """Eyeballs of 12 pixels, with the corners of the eye 6 pixels before their middle."""
    mesh = np.zeros((478, 3))
    for left, iris, pair in zip((40, 90), IRISES, CORNERS, strict=True):
        middle = np.array([left + 6 * np.sin(head_yaw), 50.0])
        mesh[list(pair), :2] = middle + np.array([[-14, 0], [14, 0]])
        mesh[iris, :2] = [left + 12 * np.sin(yaw), 50 - 12 * np.sin(pitch)]
    return mesh


def test_gaze_is_read_from_irises_wherever_the_head_points() -> None:
    random = np.random.default_rng(2)
    gaze, heads = random.uniform(-0.3, 0.3, (400, 2)), np.zeros((400, 3))
    heads[:, 0] = random.uniform(-0.5, 0.5, 400)
    faces = np.array([looking(*g, h) for g, h in zip(gaze, heads[:, 0], strict=True)])
    told = gaze + random.normal(0, 0.15, gaze.shape)
    irises = IrisGaze.between(faces[:300], heads[:300], told[:300])
    assert np.abs(irises.gaze(faces[300:], heads[300:]) - gaze[300:]).max() < 0.06
    assert irises.yaw == pytest.approx([0.5, 28 / 12], abs=0.3)


def test_offsets_of_irises_have_the_contracts_signs() -> None:
    right, up = iris_offsets(np.array([looking(0.3, 0.2, 0.0)]), np.zeros(1))[0]
    assert right > 0
    assert up > 0
    assert turned(np.array([[0.3, 0.0]]), np.array([np.pi / 2]))[0] == pytest.approx([0, -0.3])


def test_a_smile_is_told_by_the_shape_of_the_mouth_alone() -> None:
    happiness = (np.arange(300) % 2).astype(float)
    faces = meshes(300)
    size = np.sqrt(np.linalg.det(Frames.of(faces).matrices))
    wider = np.zeros((478, 2))
    wider[list(LIPS[:10])] = [0.2, -0.1]
    faces[..., :2] += wider * (happiness * size)[:, None, None]
    smiles = Smiles.between(faces[:200], np.clip(happiness[:200], 0.02, 0.98))
    degrees = smiles.degrees(faces[200:])
    assert degrees[happiness[200:] == 1].min() > 0.5 > degrees[happiness[200:] == 0].max()
