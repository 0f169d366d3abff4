"""What holds for all visits, whatever is seen of them and at whatever times."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.event import EventType
from edge_agent.domain.geometry import Box, Gaze
from edge_agent.domain.observation import Emotion
from edge_agent.settings import SceneSettings, SensitivitySettings
from tests.scene.timeline import SIZE, Said, Shown, Stage, expression, value_at_key

EMOTIONS = tuple(emotion for emotion in Emotion if emotion is not Emotion.NEUTRAL)


@dataclass(frozen=True)
class Scenario:
    """Frame times, and what is seen of each track at each."""

    times: tuple[float, ...]
    people: tuple[tuple[Shown | None, ...], ...]
    clock_errors: tuple[float, ...]

    def play(self, scene_settings: SceneSettings) -> Stage:
        stage = Stage(scene_settings)
        for index, time_s in enumerate(self.times):
            shown = {key: person[index] for key, person in enumerate(self.people)}
            stage.frame(time_s, shown, self.clock_errors[index])
        return stage


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """People who come, go, hide, cross and change face, at changing frame rates with pauses."""
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))
    times, clock_errors = _times(rng, draw(st.sampled_from((12.0, 40.0))))
    count = draw(st.integers(1, 3))
    people = tuple(_person(rng, times, number) for number in range(count))
    return Scenario(times, people, clock_errors)


def _times(rng: random.Random, until_s: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    times, errors, time_s, error_s = [], [], 0.0, 0.0
    step_s = rng.choice((1 / 30, 0.1, 0.2))
    while time_s < until_s and len(times) < 500:
        times.append(time_s)
        errors.append(error_s)
        time_s += step_s * rng.uniform(0.7, 1.3)
        if rng.random() < 0.01:
            step_s = rng.choice((1 / 30, 0.1, 0.2, 1.5))
        if rng.random() < 0.005:
            time_s += rng.uniform(1.0, 30.0)
        if rng.random() < 0.005:
            error_s = rng.uniform(-1e6, 1e6)
    return tuple(times), tuple(errors)


def _person(rng: random.Random, times: tuple[float, ...], number: int) -> tuple[Shown | None, ...]:
    """The height of the boxes tells the person; the rest changes from spell to spell."""
    height = 60.0 + 20.0 * number
    x, y = rng.uniform(0.0, 500.0), rng.uniform(0.0, 300.0)
    shown: list[Shown | None] = []
    spell_until_s, mode = -1.0, "absent"
    face, step = _face(rng), (0.0, 0.0)
    for time_s in times:
        if time_s >= spell_until_s:
            mode = rng.choice(("absent", "seen", "seen", "seen", "flickering"))
            spell_until_s = time_s + rng.expovariate(1 / 3.0)
            face, step = _face(rng), (rng.gauss(0.0, 4.0), rng.gauss(0.0, 4.0))
        x = min(max(x + step[0], 0.0), SIZE.width - 50.0)
        y = min(max(y + step[1], 0.0), SIZE.height - height)
        missed = mode == "absent" or (mode == "flickering" and rng.random() < 0.6)
        shown.append(None if missed else _look(rng, Box(x, y, 50.0, height), face))
    return tuple(shown)


def _face(rng: random.Random) -> Shown:
    emotion = rng.choice(EMOTIONS)
    return Shown(
        expression=expression(**{emotion.value: rng.uniform(0.0, 1.0)}),
        gaze=Gaze(rng.gauss(0.0, 0.3), rng.gauss(0.0, 0.2)),
        years=rng.uniform(0.0, 90.0),
        female=rng.random(),
        score=rng.uniform(0.5, 1.0),
        quality=rng.random(),
    )


def _look(rng: random.Random, box: Box, face: Shown) -> Shown:
    assert face.gaze is not None
    gaze = Gaze(face.gaze.yaw_rad + rng.gauss(0.0, 0.05), face.gaze.pitch_rad)
    by_face = rng.random() < 0.05
    return Shown(
        body=None if by_face else box,
        face=box if by_face else None,
        score=min(max(face.score + rng.gauss(0.0, 0.1), 0.0), 1.0),
        expression=face.expression if rng.random() < 0.8 else None,
        gaze=gaze if rng.random() < 0.8 else None,
        years=face.years,
        female=face.female,
        quality=face.quality,
    )


sensitivities = st.floats(0.0, 1.0)
all_sensitivities = st.builds(
    SensitivitySettings, **{event_type.value: sensitivities for event_type in EventType}
)


@settings(max_examples=60, deadline=None)
@given(scenarios(), all_sensitivities, st.sampled_from((0.0, 0.5, 2.0)))
def test_invariants(scenario: Scenario, chosen: SensitivitySettings, occlusion_s: float) -> None:
    stage = scenario.play(SceneSettings(sensitivity=chosen, occlusion_s=occlusion_s))
    stage.close(scenario.times[-1] + 0.1)

    _assert_order(stage, chosen)
    _assert_keys_resolve(stage)
    _assert_states(stage)
    assert stage.states[-1].present == ()


@settings(max_examples=150, deadline=None)
@given(
    scenarios(),
    all_sensitivities,
    st.sampled_from(list(EventType)),
    sensitivities,
    sensitivities,
)
def test_sensitivity_is_monotone(
    scenario: Scenario,
    chosen: SensitivitySettings,
    event_type: EventType,
    one: float,
    other: float,
) -> None:
    low, high = sorted((one, other))
    at_low = _times_of(scenario, chosen, event_type, low)
    at_high = _times_of(scenario, chosen, event_type, high)

    for what, times in at_low.items():
        assert len(at_high[what]) >= len(times), what
        for earlier, later in zip(at_high[what], times, strict=False):
            assert earlier <= later, what
    if low == 0.0:
        assert not at_low


@settings(max_examples=30, deadline=None)
@given(scenarios(), st.sampled_from(list(EventType)))
def test_no_type_is_reported_at_zero(scenario: Scenario, event_type: EventType) -> None:
    chosen = SensitivitySettings(**{event_type.value: 0.0})
    stage = scenario.play(SceneSettings(sensitivity=chosen))
    stage.close(scenario.times[-1] + 0.1)

    assert stage.of(event_type) == []


@settings(max_examples=20, deadline=None)
@given(scenarios())
def test_the_wall_clock_does_not_matter(scenario: Scenario) -> None:
    steady = Scenario(scenario.times, scenario.people, (0.0,) * len(scenario.times))
    assert [(said.time_s, said.event) for said in scenario.play(SceneSettings()).said] == [
        (said.time_s, said.event) for said in steady.play(SceneSettings()).said
    ]


def _times_of(
    scenario: Scenario, chosen: SensitivitySettings, event_type: EventType, sensitivity: float
) -> dict[tuple[float, str], list[float]]:
    """When the type was reported, by person and, for emotions, by emotion."""
    stage = scenario.play(
        SceneSettings(sensitivity=chosen.model_copy(update={event_type.value: sensitivity}))
    )
    times: dict[tuple[float, str], list[float]] = defaultdict(list)
    for said in stage.of(event_type):
        box = said.entity.body or said.entity.face
        assert box is not None
        emotion = said.event.key if event_type is EventType.EMOTION_DETECTED else ""
        times[round(box.height), emotion].append(said.time_s)
    return times


def _assert_order(stage: Stage, chosen: SensitivitySettings) -> None:
    """One appearance, first; one disappearance, last; estimates at most twice; ids never reused."""
    by_entity: dict[object, list[Said]] = defaultdict(list)
    for said in stage.said:
        by_entity[said.event.entity_id].append(said)
    for visit in by_entity.values():
        types = [said.type for said in visit]
        if chosen.appearance > 0.0:
            assert types.index(EventType.APPEARANCE) == 0
            assert types.count(EventType.APPEARANCE) == 1
        if chosen.disappearance > 0.0:
            assert types[-1] is EventType.DISAPPEARANCE
            assert types.count(EventType.DISAPPEARANCE) == 1
        assert types.count(EventType.AGE_ESTIMATED) <= 2
        assert types.count(EventType.GENDER_ESTIMATED) <= 2
    gone: set[object] = set()
    for state in stage.states:
        assert gone.isdisjoint(entity.entity_id for entity in state.entities)
        gone |= state.gone


def _assert_keys_resolve(stage: Stage) -> None:
    """Every event's key is shown; nothing is reported before there is something to report."""
    for said in stage.said:
        assert 0.5 <= said.event.confidence <= 1.0
        assert value_at_key(said.entity, said.event.key) is not None
        if said.type is EventType.DIRECTION_ESTIMATED:
            assert said.entity.direction.value != "unknown"
            assert said.entity.dwell_s >= 1.0
        if said.type is EventType.FOCUS_LOCKED:
            assert said.entity.dwell_s >= 1.0


def _assert_states(stage: Stage) -> None:
    for state in stage.states:
        assert len({entity.entity_id for entity in state.entities}) == len(state.entities)
        for entity in state.entities:
            confidences = (
                entity.face_roi_confidence,
                entity.body_confidence,
                entity.landmarks_confidence,
                entity.age_confidence,
                entity.gender_confidence,
                entity.head_confidence,
                entity.gaze_confidence,
            )
            assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
            assert entity.face is not None or entity.face_roi_confidence == 0.0
            assert entity.body is not None or entity.body_confidence == 0.0
            assert 0.0 <= entity.attention_s <= entity.dwell_s + 1e-6
            if entity.expression is not None:
                assert sum(entity.expression.intensities) <= 1.0 + 1e-9
                assert min(entity.expression.intensities) >= 0.0
