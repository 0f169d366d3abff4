"""Hypothesis strategies for the values that pass between rooms."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.entity import Direction, Entity
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point, Size
from edge_agent.domain.observation import Emotion, Expression, Gender

units = st.floats(0.0, 1.0)
angles = st.floats(-3.2, 3.2)
coordinates = st.floats(-5000, 15_000)
sizes = st.builds(Size, st.integers(1, 12_000), st.integers(1, 12_000))
points = st.builds(Point, coordinates, coordinates)
boxes = st.builds(Box, coordinates, coordinates, st.floats(0, 9000), st.floats(0, 9000))
landmarks = st.builds(FaceLandmarks, points, points, points, points, points)
instants = st.builds(
    Instant,
    st.integers(0, 4_000_000_000_000_000).map(
        lambda us: datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=us)
    ),
    st.floats(0, 1e6),
)


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    """Intensities that sum to 1, as those of a softmax do."""
    weights = [draw(st.floats(0.0, 1.0)) for _ in Emotion]
    weights[draw(st.integers(0, len(weights) - 1))] += 0.01
    total = sum(weights)
    return Expression(tuple(weight / total for weight in weights), draw(units), draw(units))


entities = st.builds(
    Entity,
    entity_id=st.uuids(version=4),
    first_seen=instants,
    dwell_s=st.floats(0, 1e6),
    attention_s=st.floats(0, 1e6),
    face=st.none() | boxes,
    face_roi_confidence=units,
    body=st.none() | boxes,
    body_confidence=units,
    landmarks=st.none() | landmarks,
    landmarks_confidence=units,
    age_years=st.none() | st.floats(0, 120),
    age_confidence=units,
    gender=st.none() | st.sampled_from(Gender),
    gender_confidence=units,
    expression=st.none() | expressions(),
    head=st.none() | st.builds(HeadPose, angles, angles, angles),
    head_confidence=units,
    gaze=st.none() | st.builds(Gaze, angles, angles),
    gaze_confidence=units,
    eyes_open=st.none() | units,
    direction=st.sampled_from(Direction),
)
