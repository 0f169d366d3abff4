"""The card of the age and gender model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training import card
from training.demographics.evaluate import Answers
from training.demographics.utkface import Chip

AGE_BANDS = ((0, 2), (3, 9), (10, 15), (16, 24), (25, 34), (35, 49), (50, 64), (65, 79), (80, 116))
ORIGINS = {"0": "white", "1": "black", "2": "Asian", "3": "Indian", "4": "others"}
"""What the third part of a UTKFace file name says, in that set's own words."""
FEWEST = 10
"""Faces below which a share tells nothing."""

HEAD = """# Age and gender

Estimates the age and the gender of a face, and how sure it is of each. Input: a colour face crop of
80 x 80 pixels, int8. Outputs, int8: `age`, logits of ages by the year from 0 to 116, whose mean and
standard deviation are the estimate; `female`, the logit of the person being female. The scale of
the deviation and the temperature of that logit are in the manifest.

Gender is what the data's labellers saw, one of two; it says nothing of how a person sees themself.
Age is the apparent one. Neither identifies anybody, and neither is fit to decide about a person."""

DATA = """## Data and terms

UTKFace (Zhang, Song, Qi, 2017): aligned faces from the web, for non-commercial research only; the
images belong to their owners. A model trained on them is for research and private use unless the
owners allow more. Its ages are partly estimates by a machine that people checked; among (near)
doubles of one picture in it more than half differ by over a year. Of the training chips a random
part is held back, (near) doubles always on the same side: 1,400 chips to measure, 1,200 to fit the
two calibration parameters. All figures below are of the 1,400; the stages of the training were
planned by them too, so they may flatter; on the 1,200 the age error is as large (4.66 years), and
93.7 % of the genders are right."""

METHOD = """## Method

A residual network of 3x3 convolutions with a stem of stride 2. Age is learned as a distribution
(deep label distribution learning, Gao et al., 2018): cross entropy towards a normal distribution
about the labelled age, wider for the old, and the absolute error of the mean; gender by cross
entropy with smoothed labels. Faces are moved, turned, scaled, blurred, lit, tinted, made grey, sent
through JPEG and partly covered at random. It is trained in seven stages, each from the average of
the weights of the one before; in the last five a part of each target is what the network said
before, against the noise of the labels (Furlanello et al., 2018), and in the last, until its end,
faces are mixed in pairs (MixUp, CutMix). Quantized to int8 throughout, with the whole ranges over
512 training faces. `python -m training.demographics` makes the file again: from scratch in one go
it came to 4.69 years, 93.6 % and 96.8 % over 15. `training/RESULTS.md` has what each stage gave."""

WEAK = """## Known weaknesses

- Whom the data represents badly: people over 80 (2.8 % of the chips) and children from 5 to 14
  (6.3 %). Ages over 60 are taken for younger, more so the older they are; see the bias by age.
- Under three years gender is hardly more than a guess, and the stated confidence says so.
- Origin is the data's own coarse word; where the table shows a gap, expect one in the field. Head
  coverings, masks, beards and make-up are not labelled and were not measured.
- The pictures are from the web: well lit, mostly frontal, often of celebrities. A ceiling camera
  sees other faces: expect larger errors than these.
- The 80 % interval holds over all faces together; for single bands of age see the table.
- A head that is tilted far is read worse, and its gender may turn into the other."""


def write_card(
    path: Path,
    measured: Answers,
    figures: Mapping[str, float],
    of_float: Mapping[str, float],
    seen_otherwise: Mapping[str, Answers],
) -> None:
    """Everything that was measured on the int8 file, beside the float network's errors.

    `seen_otherwise` holds the answers to the same faces as other cameras would see them.
    """
    card.write(
        path,
        HEAD,
        DATA,
        METHOD,
        "## Figures\n\nOf the int8 file on the faces held back, through the daemon's engine:",
        card.table(("figure", "value"), card.rounded(figures).items()),
        f"The float network: age {of_float['age_mae']:.3f} years, gender "
        f"{of_float['gender_accuracy']:.2%}.",
        "By age. Bias is the mean of estimate less label; coverage the share in the 80 % interval:",
        card.table(("years", *COLUMNS), _rows(measured, _bands(measured))),
        "By gender:",
        card.table(("gender", *COLUMNS), _rows(measured, _genders(measured))),
        "By origin, as the file names of the data have it:",
        card.table(("origin", *COLUMNS), _rows(measured, _origins(measured))),
        "The same faces as seen by worse cameras and looser detectors:",
        card.table(
            ("seen", *COLUMNS),
            (_row(name, given, _everybody(given)) for name, given in seen_otherwise.items()),
        ),
        "Calibration of the gender:",
        card.reliability(measured.gender_confidences, measured.gender_right),
        WEAK,
    )


COLUMNS = ("faces", "age error", "bias", "coverage", "gender right", "mean gender confidence")


def worse_cameras() -> dict[str, Callable[[Chip], Chip]]:
    """Changes to a chip, by name."""
    return {
        "face of 48 pixels": lambda chip: _shrunk(chip, 48),
        "face of 32 pixels": lambda chip: _shrunk(chip, 32),
        "grey": lambda chip: np.repeat(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)[..., None], 3, 2),
        "a fifth of the light": lambda chip: np.round(chip * 0.2).astype(np.uint8),
        "JPEG of quality 30": _compressed,
        "crop 8 % too high": lambda chip: _moved(chip, up=0.08),
        "crop 8 % too low": lambda chip: _moved(chip, up=-0.08),
        "crop 8 % to the left": lambda chip: _moved(chip, left=0.08),
        "crop 12 % too large": lambda chip: _moved(chip, scale=1.12),
        "crop 12 % too small": lambda chip: _moved(chip, scale=0.88),
        "turned by 12 degrees": lambda chip: _moved(chip, degrees=12),
    }


def _shrunk(chip: Chip, side: int) -> Chip:
    return np.asarray(cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _compressed(chip: Chip) -> Chip:
    _, encoded = cv2.imencode(".jpg", chip, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _moved(
    chip: Chip, *, up: float = 0.0, left: float = 0.0, scale: float = 1.0, degrees: float = 0.0
) -> Chip:
    """What a crop shows that is off by these shares of the side and turned by this much."""
    height, width = chip.shape[:2]
    affine = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1 / scale)
    affine[:, 2] += (left * width, up * height)
    moved = cv2.warpAffine(chip, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


Group = tuple[str, npt.NDArray[np.bool_]]


def _bands(given: Answers) -> Iterator[Group]:
    for youngest, oldest in AGE_BANDS:
        ages = given.faces.ages
        yield f"{youngest} - {oldest}", (ages >= youngest) & (ages <= oldest)


def _genders(given: Answers) -> Iterator[Group]:
    yield "female", given.faces.female
    yield "male", ~given.faces.female


def _origins(given: Answers) -> Iterator[Group]:
    parts = [name.split("_") for name in given.faces.names]
    codes = np.array([part[2] if len(part) == 4 else "" for part in parts])
    for code, name in ORIGINS.items():
        yield name, codes == code


def _everybody(given: Answers) -> npt.NDArray[np.bool_]:
    return np.ones(len(given.faces), np.bool_)


def _rows(given: Answers, groups: Iterator[Group]) -> Iterator[tuple[object, ...]]:
    return (_row(name, given, of) for name, of in groups if of.sum() >= FEWEST)


def _row(name: str, given: Answers, of: npt.NDArray[np.bool_]) -> tuple[object, ...]:
    errors = given.errors[of]
    return (
        name,
        int(of.sum()),
        f"{np.abs(errors).mean():.2f}",
        f"{errors.mean():+.2f}",
        f"{given.covered[of].mean():.1%}",
        f"{given.gender_right[of].mean():.1%}",
        f"{given.gender_confidences[of].mean():.1%}",
    )
