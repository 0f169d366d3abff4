"""An expression model that has learned one's own faces: with --faces of training.expression."""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import InputError, OutputError
from edge_agent.domain.observation import Emotion
from training.calibrate import temperature_for
from training.card import rounded
from training.data import FerPlus
from training.expression.evaluate import answers, measure
from training.expression.finetune import Learned, finetuned, from_scratch, published_network
from training.expression.network import NAME, entry_of, logits_of, write_file
from training.expression.own_faces import OwnFaces, read_own_faces

FOLDS = 3
PARTS = (0.25, 0.5, 0.75)
"""How far to go from what was known to what was learned: faces held back tell how far is best.
The last quarter would win a few of one's own faces and lose as many of others."""
UNMEASURED_PART = 0.75
SURE_OF_TEMPERATURE = 200
"""Faces that weigh as much as what was known before, in how sure the model may be."""
FEWEST_FOR_TEMPERATURE = 60

Learn = Callable[[OwnFaces], Learned]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is to be expected on faces that were not learned from.

    `known` (n,), indices of `Emotion`, are the answers of the shipped model, `logits` (n, 8) those
    of networks that had not seen these faces, moved by `part` of the way to what they learned.
    """

    own: OwnFaces
    known: npt.NDArray[np.intp]
    logits: npt.NDArray[np.float32]
    part: float = 1.0

    @property
    def before(self) -> float:
        return float((self.known == self.own.emotions).mean())

    @property
    def after(self) -> float:
        return float((self.logits.argmax(1) == self.own.emotions).mean())

    def lines(self) -> Iterator[str]:
        yield f"  {'':<10} {'faces':>5} {'before':>7} {'after':>7}"
        learned = self.logits.argmax(1)
        for index, emotion in enumerate(Emotion):
            its = self.own.emotions == index
            if its.any():
                before, after = (float((a[its] == index).mean()) for a in (self.known, learned))
                yield f"  {emotion.value:<10} {its.sum():5d} {before:7.0%} {after:7.0%}"
        yield f"  {'all':<10} {len(self.own):5d} {self.before:7.0%} {self.after:7.0%}"


def learn_own(
    folder: Path,
    output: Path,
    *,
    scratch: bool = False,
    data: Path | None = None,
    folds: int = FOLDS,
    epochs: int | None = None,
) -> Estimate | None:
    """Write the model that has learned the faces below `folder` to `output`, with its entry.

    `data` is the folder of ferplus, where it is at hand: its faces are rehearsed, and measured
    before and after. `epochs` are those of a model made from `scratch`. Each of `folds` parts of
    the faces (0: no estimate) is held back in turn, to measure what is learned from the others.

    Raises AgentError where the pictures or the output are not as they must be.
    """
    _check_output(output)
    own = read_own_faces(folder)
    for remark in own.remarks:
        print(remark)
    counts = ", ".join(f"{emotion.value} {count}" for emotion, count in own.counts().items())
    print(f"{len(own)} faces: {counts}", flush=True)
    shipped = find_model(NAME)
    learn: Learn = partial(from_scratch, epochs=epochs)
    if not scratch:
        known = published_network(shipped.path, own)
        rehearsed = _read(data, "train") if data else None
        learn = partial(finetuned, known, rehearsed=rehearsed)
    estimate = estimated(own, shipped, learn, folds, rounds=1 if scratch else folds)
    print(f"learning from all {len(own)} faces", flush=True)
    trained = learn(own).moved(UNMEASURED_PART if estimate is None else estimate.part)
    temperature = 1.0 if scratch else shipped.entry.parameters["temperature"]
    if estimate is not None:
        temperature = blended_temperature(estimate, temperature)
    print("writing the file", flush=True)
    with _quiet():
        write_file(trained, own.faces, output, at_least=None if scratch else shipped.path)
    _describe(output, own, shipped, temperature, estimate, scratch=scratch)
    _say(output, estimate, shipped, _read(data, "valid") if data else None)
    return estimate


def estimated(
    own: OwnFaces, shipped: Model, learn: Learn, folds: int, rounds: int
) -> Estimate | None:
    """Cross-validation, of which the first `rounds` folds are gone through; None without folds."""
    fold_of = folds_of(own, folds)
    kept: list[npt.NDArray[np.intp]] = []
    logits: dict[float, list[npt.NDArray[np.float32]]] = {part: [] for part in PARTS}
    for fold in range(min(rounds, int(fold_of.max(initial=-1)) + 1)):
        held_back, others = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        print(f"measuring: learning from {len(others)} faces, {len(held_back)} held back")
        learned = learn(own.chosen(others))
        for part in PARTS:
            logits[part].append(logits_of(learned.moved(part), own.faces[held_back]))
        kept.append(held_back)
    if not kept:
        return None
    seen = own.chosen(np.concatenate(kept))
    given = {part: np.concatenate(of) for part, of in logits.items()}
    accuracies = [float((given[part].argmax(1) == seen.emotions).mean()) for part in PARTS]
    part = smallest_as_good(PARTS, accuracies, len(seen))
    known = answers(TfliteEngine(shipped), seen.voted()).given
    return Estimate(seen, known, given[part], part)


def smallest_as_good(parts: Sequence[float], accuracies: Sequence[float], count: int) -> float:
    """The least of ascending `parts` whose accuracy on `count` faces is less than one standard
    error below the best: the farther, the more is forgotten (the rule is that of Breiman et al.,
    "Classification and Regression Trees", 1984)."""
    best = max(accuracies)
    share = (best * count + 1) / (count + 2)
    good_enough = best - np.sqrt(share * (1 - share) / count)
    return next(
        part
        for part, accuracy in zip(parts, accuracies, strict=True)
        if accuracy > good_enough or accuracy == best
    )


def folds_of(own: OwnFaces, folds: int) -> npt.NDArray[np.intp]:
    """Of shape (n,): in which of `folds` parts a face is, -1 where there are to be none.

    Every fold has its share of each emotion, as far as all faces of a person stay in one; a single
    person's faces are parted all the same.
    """
    fold_of = np.full(len(own), -1)
    if folds < 2:
        return fold_of
    people = own.people if len(set(own.people)) >= folds else tuple(map(str, range(len(own))))
    random, load = np.random.default_rng(0), np.zeros((folds, len(Emotion)))
    groups = [np.flatnonzero(np.array(people) == person) for person in dict.fromkeys(people)]
    random.shuffle(groups)  # type: ignore[arg-type]
    for group in sorted(groups, key=len, reverse=True):
        its = np.bincount(own.emotions[group], minlength=len(Emotion))
        fullest = [(float(load[fold] @ its), float(load[fold].sum())) for fold in range(folds)]
        chosen = fullest.index(min(fullest))
        fold_of[group] = chosen
        load[chosen] += its
    return fold_of


def blended_temperature(estimate: Estimate, known: float) -> float:
    """That of the faces held back, as far as they suffice to tell; else the one known before."""
    count = len(estimate.own)
    if count < FEWEST_FOR_TEMPERATURE:
        return known
    found = temperature_for(estimate.logits, estimate.own.voted().one_hot())
    weight = count / (count + SURE_OF_TEMPERATURE)
    return float(round(np.exp(weight * np.log(found) + (1 - weight) * np.log(known)), 3))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The converter says much that means nothing to who trains on their own faces."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _check_output(output: Path) -> None:
    if output.suffix != ".tflite":
        raise OutputError(f"--output {output} must end with .tflite")
    if not output.parent.is_dir():
        raise OutputError(f"--output {output}: there is no folder {output.parent}; make it first")
    entry = output.with_suffix(".yaml")
    if entry.exists() and not output.exists():
        raise OutputError(
            f"--output {output} would overwrite {entry}, which is not its description; "
            "choose another name"
        )


def _describe(
    output: Path,
    own: OwnFaces,
    shipped: Model,
    temperature: float,
    estimate: Estimate | None,
    *,
    scratch: bool,
) -> None:
    figures: dict[str, Any] = {}
    if estimate is not None:
        measured = {"accuracy_before": estimate.before, "accuracy": estimate.after}
        figures = {"split": "own faces, held back in turn", "n": len(estimate.own)}
        figures |= rounded(measured)
    mine = f"{len(own)} own faces"
    entry = entry_of(
        output,
        parameters={**shipped.entry.parameters, "temperature": temperature},
        data=mine if scratch else f"{shipped.entry.data}; then {mine}",
        licence="one's own" if scratch else f"{shipped.entry.licence}; own faces: one's own",
        figures=figures,
    )
    body = yaml.safe_dump(entry, sort_keys=True, allow_unicode=True, width=100)
    output.with_suffix(".yaml").write_text(body)


def _read(data: Path, split: str) -> FerPlus:
    images, votes = data / f"{split}.zip", data / f"{split}.csv"
    for file in (images, votes):
        if not file.is_file():
            raise InputError(f"{file} is missing; --data names the folder of ferplus")
    return FerPlus.read(images, votes).nameable()


def _say(
    output: Path, estimate: Estimate | None, shipped: Model, validation: FerPlus | None
) -> None:
    """The summary, in plain words."""
    width = shutil.get_terminal_size().columns
    print("\n" + "-" * min(width, 78))
    if estimate is None:
        print("How well it reads other faces was not measured.")
    else:
        print("Right answers on faces that it had not learned from:")
        print("\n".join(estimate.lines()))
        print(_verdict(estimate))
    if validation is not None:
        before, after = (
            measure(model, validation)[1]["accuracy_majority"]
            for model in (shipped, find_model(str(output)))
        )
        print(f"On FER+'s validation faces: {before:.1%} before, {after:.1%} after.")
    print(
        f"\nWritten: {output} and {output.with_suffix('.yaml')}\nTo use it, put into the agent's "
        f"configuration:\n\n  models:\n    expression: {output.resolve()}\n\nand ask "
        "`edge-agent check -c CONFIGURATION` whether all is well."
    )


def _verdict(estimate: Estimate) -> str:
    deviation = np.sqrt(0.25 / len(estimate.own))
    if estimate.after > estimate.before + deviation:
        return (
            f"It reads faces like yours better: {estimate.before:.0%} -> {estimate.after:.0%}. (Of "
            f"what was learned {estimate.part:.0%} is taken over: no less did as well.)"
        )
    return (
        "It does not read faces like yours clearly better than the shipped model: keep that one, "
        "or add pictures."
    )
