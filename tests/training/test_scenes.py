"""What is known of a scene, what is not, and what happens to it on the way to the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.people.augment import SceneAugmentation, mirrored
from training.people.pseudo_faces import TeacherFaces, merged
from training.people.scenes import (
    BODY,
    FACE,
    HEAD,
    Scene,
    in_halves,
    is_held_back,
    labelled_scene,
    place_of,
    taught,
)

IMAGE = np.zeros((100, 200, 3), np.uint8)


def record(group: str, complete: list[str], *objects: tuple[str, list[float]]) -> dict:
    return {
        "file": f"{group}.jpg",
        "group": group,
        "source": "00000001.jpg",
        "complete": complete,
        "objects": [{"class": name, "box": box} for name, box in objects],
    }


def teacher(*faces: tuple[list[float], float]) -> TeacherFaces:
    boxes = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
    return TeacherFaces(
        boxes,
        np.repeat(boxes[:, None, :2], 5, axis=1),
        np.array([score for _, score in faces], np.float32),
        np.full(len(faces), 2),
    )


def ignored_kinds(scene: Scene) -> list[int]:
    return sorted(int(kind) for kind in scene.ignored[:, 0])


def test_masked_and_bare_faces_are_one_class() -> None:
    scene = labelled_scene(
        record(
            "crowd",
            ["face", "masked_face"],
            ("face", [10, 10, 20, 20]),
            ("masked_face", [50, 10, 20, 20]),
        ),
        IMAGE,
    )
    assert scene.classes.tolist() == [FACE, FACE]
    assert scene.masked.tolist() == [False, True]
    assert scene.boxes[1].tolist() == [50, 10, 70, 30]
    assert scene.complete == {FACE}


def test_faces_labelled_without_masks_are_not_complete() -> None:
    assert labelled_scene(record("x", ["face"]), IMAGE).complete == frozenset()


def test_where_people_are_not_labelled_nothing_is_said_of_them() -> None:
    scene = taught(labelled_scene(record("crowd", ["face", "masked_face"]), IMAGE), None)
    assert ignored_kinds(scene) == [HEAD, BODY]


def test_the_teachers_sure_faces_are_labels_and_its_doubtful_ones_are_unknown() -> None:
    plain = labelled_scene(record("people", ["person"], ("person", [0, 0, 50, 100])), IMAGE)
    scene = taught(plain, teacher(([10, 10, 30, 30], 0.9), ([80, 10, 99, 30], 0.5)))
    assert scene.classes.tolist() == [BODY, FACE]
    assert not np.isnan(scene.points[1]).any()
    assert ignored_kinds(scene) == [FACE, HEAD]
    (unknown_face,) = scene.ignored[scene.ignored[:, 0] == FACE]
    assert unknown_face[1:].tolist() == [80, 10, 99, 30]


def test_a_large_head_in_which_no_face_is_suspected_is_one_from_behind() -> None:
    """In a small one, or where something was seen, nothing is said of a face."""
    heads = [("head", [0, 0, 20, 20]), ("head", [50, 0, 20, 20]), ("head", [100, 0, 8, 8])]
    plain = labelled_scene(record("station", ["head"], *heads), IMAGE)
    scene = taught(plain, teacher(([52, 2, 68, 18], 0.26)))
    unknown_faces = scene.ignored[scene.ignored[:, 0] == FACE][:, 1:].tolist()
    assert unknown_faces == [[50, 0, 70, 20], [100, 0, 108, 8]]


def test_without_a_teacher_faces_are_unknown_everywhere() -> None:
    scene = taught(labelled_scene(record("people", ["person"]), IMAGE), None)
    assert [0.0, 0, 0, 200, 100] in scene.ignored.tolist()


def test_labelled_faces_borrow_the_teachers_points() -> None:
    plain = labelled_scene(
        record("crowd", ["face", "masked_face"], ("face", [10, 10, 20, 20])), IMAGE
    )
    scene = taught(plain, teacher(([11, 11, 31, 31], 0.6)))
    assert not np.isnan(scene.points[0]).any()
    assert scene.boxes[0].tolist() == [10, 10, 30, 30], "its own box stays"


def test_finds_of_several_looks_are_one_face() -> None:
    def find(x: float, score: float) -> list[float]:
        return [x, 10, 20, 20, *[x, 10] * 5, score]

    faces = merged([[find(10, 0.6)], [find(11, 0.6), find(80, 0.5)], [find(10.5, 0.56)]])
    assert faces.looks.tolist() == [3, 1]
    assert faces.sure.tolist() == [True, False]
    assert faces.doubtful.tolist() == [False, True]
    assert faces.boxes[0, 0] == pytest.approx(10.5, abs=0.1)


def test_neighbours_of_a_sequence_are_on_the_same_side() -> None:
    sides = {
        is_held_back({"source": f"{number:08d}.jpg", "group": "station"})
        for number in range(64, 96)
    }
    assert len(sides) == 1


def test_about_an_eighth_is_held_back_the_same_each_time() -> None:
    records = [{"source": f"image{n}.jpg", "group": "crowd"} for n in range(2000)]
    held = [is_held_back(r) for r in records]
    assert held == [is_held_back(r) for r in records]
    assert 0.08 < np.mean(held) < 0.17


def test_halves_are_as_equal_as_places_allow_and_share_none() -> None:
    records = [{"source": f"{n:08d}.jpg", "group": "station"} for n in range(64, 160)]
    records += [{"source": f"image{n}.jpg", "group": "crowd"} for n in range(41)]
    first, second = in_halves(records)
    assert sorted(r["source"] for r in first + second) == sorted(r["source"] for r in records)
    assert abs(len(first) - len(second)) <= 32
    assert not {place_of(r) for r in first} & {place_of(r) for r in second}
    assert in_halves(records[::-1])[0][0]["source"] in {r["source"] for r in first}


def lone_square() -> Scene:
    """A white square in a black picture, labelled as a body with points at its corners."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[80:140, 100:160] = 255
    corners = [[100, 80], [160, 80], [130, 110], [100, 140], [160, 140]]
    return Scene(
        "square.png",
        "people",
        image,
        np.array([[100, 80, 160, 140]], np.float32),
        np.array([BODY]),
        np.array([corners], np.float32),
        np.zeros(1, np.bool_),
        np.array([[FACE, 0, 0, 320, 240]], np.float32),
        frozenset({BODY}),
    )


def test_boxes_and_points_move_with_the_pixels() -> None:
    augment = SceneAugmentation(side=192, rotate=0.0)
    seen = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        tile = augment.tile(lone_square(), (192, 192), random)
        for row in tile.objects:
            left, top, right, bottom = row[1:5]
            if min(left, top) < 2 or max(right, bottom) > 190:
                continue
            inside = tile.image[
                round(top) + 2 : round(bottom) - 2, round(left) + 2 : round(right) - 2
            ]
            assert inside.min() > 200
            assert row[5] == pytest.approx(left, abs=0.01)
            assert row[-1] == pytest.approx(bottom, abs=0.01)
            seen += 1
    assert seen > 5


def test_boxes_lie_on_their_pixels_to_a_fraction_of_one() -> None:
    """A small face is eight pixels wide: half a pixel is lost on it at every scale but 1."""
    augment = SceneAugmentation(side=192, rotate=0.0)
    off = []
    for seed in range(80):
        tile = augment.tile(lone_square(), (192, 192), np.random.default_rng(seed))
        for row in tile.objects:
            left, top, right, bottom = row[1:5]
            if min(left, top) < 2 or max(right, bottom) > 190:
                continue
            light = tile.image[..., 0].astype(np.float64)
            light[: int(top) - 2] = light[int(bottom) + 3 :] = 0
            light[:, : int(left) - 2] = light[:, int(right) + 3 :] = 0
            rows, columns = np.indices(light.shape) + 0.5
            center = (columns * light).sum() / light.sum(), (rows * light).sum() / light.sum()
            off.append((center[0] - (left + right) / 2, center[1] - (top + bottom) / 2))
    assert len(off) > 30
    assert np.abs(np.mean(off, axis=0)).max() < 0.05


@pytest.mark.parametrize(("kind", "closer"), [(HEAD, True), (BODY, False)])
def test_closer_looks_are_at_scenes_with_heads(kind: int, closer: bool) -> None:
    scene = replace(lone_square(), classes=np.array([kind]), complete=frozenset({kind}))
    augment = SceneAugmentation(side=192, rotate=0.0, enlarged=1.0)
    looks = [augment.tile(scene, (192, 192), np.random.default_rng(s)) for s in range(80)]
    whole = [row for look in looks for row in look.objects if row[1] > 1 and row[3] < 191]
    sides = np.array([row[3] - row[1] for row in whole])
    assert len(sides) > 10
    assert (sides.min() > 60 * 1.3) == closer


@pytest.mark.parametrize(
    ("shares", "kind", "faces"),
    [
        ({"prints": 1.0}, BODY, False),
        ({"backs": 1.0}, FACE, True),
        ({"hidden": 1.0}, FACE, False),
    ],
)
def test_looks_show_what_is_worn_who_turned_round_and_what_hides_a_face(
    shares: dict[str, float], kind: int, faces: bool
) -> None:
    scene = replace(lone_square(), classes=np.array([kind]))
    plain = SceneAugmentation(side=192, rotate=0.0)
    looks = [
        [augment.tile(scene, (192, 192), np.random.default_rng(seed)) for seed in range(60)]
        for augment in (plain, replace(plain, **shares))
    ]
    before, after = (sum(len(look.objects) for look in some) for some in looks)
    assert before > 20
    assert after < 0.8 * before if faces else after > 0.8 * before
    colours = [np.unique(np.concatenate([look.image.ravel() for look in some])) for some in looks]
    assert len(colours[1]) > len(colours[0]), "something was drawn"


def test_mirroring_twice_gives_the_same_and_once_swaps_left_and_right() -> None:
    tile = SceneAugmentation(side=192, rotate=0.0).tile(
        lone_square(), (192, 192), np.random.default_rng(1)
    )
    once, twice = mirrored(tile), mirrored(mirrored(tile))
    assert np.allclose(twice.objects, tile.objects)
    assert np.array_equal(twice.image, tile.image)
    for row in once.objects:
        assert row[5] < row[7], "the left eye stays the one on the image's left"


def test_a_crop_has_its_size_and_its_targets_inside() -> None:
    augment = SceneAugmentation(side=160, mosaic=1.0)
    for seed in range(20):
        random = np.random.default_rng(seed)
        sample = augment.sample([lone_square()] * 4, random)
        assert sample.image.shape == (160, 160, 3)
        assert (sample.objects[:, 1:5] >= 0).all()
        assert (sample.objects[:, 1:5] <= 160).all()
