"""Who is seen in the real clips, and where: by eye.

Of each person the middle of the head at some frames, in pixels; between those it moves evenly. The
frames of `walks` are those in which the person is wholly in view, or as wholly as they ever are; in
those of `empty` nobody is. The people of the plaza are those who could be followed by eye from
frame to frame, about half of all who come by.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from edge_agent.domain.detection import Part, Region
from edge_agent.domain.geometry import Box, Point

Name = TypeVar("Name")
Heads = Mapping[int, tuple[int, int]]
"""Head by frame number."""

NEAR = 0.3
"""How far from its place on a body a head may lie, in heights of that body."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording. `stands` names the frames in which people do not walk."""

    walks: Mapping[str, Heads]
    input_long_side: int = 320
    empty: tuple[tuple[int, int], ...] = ()
    stands: tuple[tuple[int, int], ...] = ()
    calm: bool = False
    """Whether the faces show no emotion that comes and goes."""
    complete: bool = True
    """Whether `walks` names everybody who is in view in its frames."""

    def is_known(self, frame: int) -> bool:
        """Whether it is known of everybody in that frame where they are."""
        is_empty = any(first <= frame <= last for first, last in self.empty)
        return self.complete and (is_empty or bool(self.heads(frame)))

    def heads(self, frame: int) -> dict[str, Point]:
        """The heads of all who are in view in that frame."""
        found = {name: _between(heads, frame) for name, heads in self.walks.items()}
        return {name: head for name, head in found.items() if head is not None}


def _between(heads: Heads, frame: int) -> Point | None:
    frames = sorted(heads)
    if not frames[0] <= frame <= frames[-1]:
        return None
    index = min(max(bisect_right(frames, frame), 1), len(frames) - 1)
    first, second = frames[index - 1], frames[index]
    part = (frame - first) / (second - first)
    (x0, y0), (x1, y1) = heads[first], heads[second]
    return Point(x0 + part * (x1 - x0), y0 + part * (y1 - y0))


def distance(head: Point, region: Region | Box) -> float:
    """From a head to where the box has its head, in heights of a body; a box is a body's."""
    box, part = (region, Part.BODY) if isinstance(region, Box) else (region.box, region.part)
    if part is Part.BODY:
        height, top = max(box.height, 1.5 * box.width), box.y + 0.1 * box.height
    else:
        height, top = 6.0 * box.height, box.center.y
    return math.hypot(box.center.x - head.x, top - head.y) / height


def nearest(head: Point, boxes: Iterable[tuple[Name, Region | Box]]) -> Name | None:
    """The name of the box that has its head nearest to `head`, if it is near."""
    distances = [(distance(head, box), name) for name, box in boxes]
    best = min(distances, key=lambda one: one[0], default=(math.inf, None))
    return best[1] if best[0] < NEAR else None


CLIPS: Mapping[str, Clip] = {
    "asl_again.mkv": Clip({"he": {0: (324, 136), 15: (321, 121), 77: (315, 123)}}),
    "asl_book.mkv": Clip({"she": {0: (304, 140), 109: (305, 144)}}),
    "asl_want.mkv": Clip({"he": {0: (278, 111), 15: (273, 103), 46: (276, 100)}}),
    "classroom.mp4": Clip(
        {
            "front left": {0: (76, 161), 44: (76, 161)},
            "back left": {0: (135, 137), 44: (135, 137)},
            "back right": {0: (239, 136), 44: (239, 136)},
            "front right": {0: (318, 165), 44: (318, 165)},
        },
        stands=((0, 44),),
        calm=True,
    ),
    "face-demographics-walking-and-pause.mp4": Clip(
        {
            "left": {0: (116, 124), 10: (99, 119), 40: (75, 120)},
            "middle": {0: (226, 114), 10: (226, 106), 40: (227, 110)},
            "right": {0: (326, 138), 10: (359, 133), 40: (375, 142)},
        },
        stands=((12, 40),),
        calm=True,
    ),
    "head-pose-face-detection-female-and-male.mp4": Clip(
        {
            "left": {0: (98, 115), 10: (70, 131), 55: (54, 125)},
            "right": {0: (359, 108), 10: (340, 110), 55: (336, 115)},
        },
        calm=True,
    ),
    "one-by-one-person-detection.mp4": Clip(
        {
            "first": {70: (432, 70), 85: (450, 50), 180: (455, 50), 190: (628, 55)},
            "second": {236: (420, 105), 250: (472, 34), 430: (460, 34), 438: (590, 55)},
            "third": {512: (408, 80), 530: (473, 38), 680: (478, 40), 688: (600, 60)},
            "fourth": {753: (355, 160), 770: (438, 68), 850: (485, 71), 857: (625, 80)},
            "fifth": {932: (449, 89), 945: (458, 60), 1180: (475, 40), 1186: (555, 80)},
            "sixth": {1250: (440, 50), 1262: (447, 33), 1340: (455, 33), 1346: (590, 50)},
        },
        empty=(
            (0, 58),
            (200, 224),
            (450, 498),
            (701, 743),
            (869, 918),
            (1202, 1232),
            (1366, 1393),
        ),
        stands=((85, 180), (250, 428), (530, 676), (775, 845), (945, 1178), (1265, 1335)),
    ),
    "plaza-from-above.mp4": Clip(
        {
            "plaid coat": {
                0: (473, 442),
                50: (474, 297),
                100: (477, 190),
                150: (469, 103),
                200: (471, 41),
            },
            "backpack": {
                0: (517, 309),
                50: (517, 208),
                100: (494, 131),
                150: (488, 59),
                200: (492, 7),
            },
            "white shirt": {
                0: (634, 121),
                50: (634, 180),
                100: (628, 259),
                150: (631, 349),
                200: (646, 477),
                250: (668, 644),
            },
            "shoulder bag": {
                0: (678, 75),
                50: (686, 126),
                100: (679, 190),
                150: (652, 263),
                200: (670, 366),
                250: (702, 500),
                300: (706, 686),
            },
            "dark shirt": {
                0: (741, 37),
                50: (752, 82),
                100: (761, 139),
                150: (784, 208),
                200: (806, 313),
                250: (841, 432),
                300: (869, 605),
            },
            "grey hair": {
                0: (799, 644),
                50: (748, 464),
                100: (729, 331),
                150: (731, 226),
                200: (731, 146),
                250: (732, 80),
                300: (718, 26),
            },
            "long hair": {
                0: (778, 347),
                50: (788, 256),
                100: (799, 178),
                150: (788, 110),
                200: (805, 62),
                250: (848, 14),
            },
            "cap": {
                50: (1200, 346),
                100: (1125, 241),
                150: (1076, 154),
                200: (1047, 90),
                250: (1006, 28),
            },
            "small backpack": {
                50: (729, 651),
                100: (692, 475),
                150: (703, 335),
                200: (702, 234),
                250: (701, 149),
                300: (706, 87),
                340: (715, 38),
            },
            "suit": {
                100: (823, 539),
                150: (852, 357),
                200: (850, 232),
                250: (845, 135),
                300: (859, 59),
                340: (869, 7),
            },
            "suit and bag": {
                100: (477, 588),
                150: (492, 419),
                200: (486, 295),
                250: (486, 198),
                300: (499, 126),
                340: (517, 69),
            },
            "light shirt": {
                100: (625, 55),
                150: (625, 99),
                200: (618, 166),
                250: (627, 245),
                300: (638, 352),
                340: (647, 448),
            },
            "black coat": {
                0: (397, 189),
                50: (402, 254),
                100: (391, 331),
                150: (373, 434),
                200: (369, 574),
            },
            "behind the black coat": {
                0: (389, 145),
                50: (391, 194),
                100: (393, 259),
                150: (365, 333),
                200: (345, 448),
                250: (318, 588),
            },
            "walks left": {0: (188, 301), 50: (152, 421), 100: (87, 585)},
            "tie": {100: (27, 391), 150: (105, 503), 200: (169, 681)},
            "curls": {200: (48, 471), 250: (146, 622)},
            "bag at the hip": {200: (537, 647), 250: (515, 479), 300: (515, 349), 340: (527, 263)},
            "pale shirt": {250: (947, 667), 300: (768, 501), 340: (672, 387)},
            "shorts": {0: (998, 479), 50: (834, 501), 100: (713, 608)},
            "waistcoat": {0: (1009, 325), 50: (1072, 450), 100: (1161, 631)},
            "bends over": {0: (994, 222), 50: (1062, 343), 100: (1166, 517)},
            "stands left": {
                0: (72, 97),
                50: (66, 87),
                100: (64, 80),
                150: (59, 80),
                200: (39, 84),
                250: (41, 91),
                300: (38, 98),
                340: (21, 94),
            },
            "stands right": {
                100: (936, 29),
                150: (936, 23),
                200: (935, 22),
                250: (936, 23),
                300: (934, 23),
                340: (944, 21),
            },
            "leaves right": {50: (1189, 114), 100: (1211, 178), 150: (1227, 272), 200: (1274, 400)},
            "suitcase": {
                150: (149, 13),
                200: (146, 44),
                250: (139, 87),
                300: (117, 139),
                340: (89, 174),
            },
        },
        input_long_side=640,
        complete=False,
    ),
}
