"""The reporters: what reaches a threshold is reported once, and sooner at a lower one."""

from __future__ import annotations

from edge_agent.scene.reporting import AtMostTwice, Finding, OncePerEpisode, threshold


def test_the_threshold_is_that_of_the_contract() -> None:
    assert threshold(1.0) == 0.5
    assert threshold(0.4) == 0.8
    assert threshold(0.0) is None


def test_an_episode_is_reported_once_at_the_first_instant_that_reaches_the_threshold() -> None:
    reporter = OncePerEpisode(0.4)
    confidences = [0.5, 0.79, 0.8, 0.9, 0.3, 0.95]
    assert [reporter.reports(Finding(1, c, "gaze")) for c in confidences] == [
        False,
        False,
        True,
        False,
        False,
        False,
    ]
    assert reporter.reports(Finding(2, 0.9, "gaze"))


def test_episodes_of_two_keys_do_not_hide_each_other() -> None:
    reporter = OncePerEpisode(1.0)
    joy, surprise = Finding(1, 0.9, "emotion_happiness"), Finding(1, 0.9, "emotion_surprise")
    assert [reporter.reports(one) for one in (joy, surprise, joy, surprise)] == [
        True,
        True,
        False,
        False,
    ]


def ages(sensitivity: float, course: list[tuple[float, float]]) -> list[int]:
    reporter = AtMostTwice(sensitivity, 5.0)
    return [
        index
        for index, (years, confidence) in enumerate(course)
        if reporter.reports(Finding("age", confidence, "age", amount=years))
    ]


def test_an_estimate_is_reported_again_if_it_moved_and_is_more_certain() -> None:
    assert ages(1.0, [(30.0, 0.6), (36.0, 0.55), (36.0, 0.7), (50.0, 0.9)]) == [0, 2]
    assert ages(1.0, [(30.0, 0.6), (34.0, 0.9)]) == [0]


def test_a_course_to_and_fro_gives_no_more_reports_at_a_lower_sensitivity() -> None:
    course = [(30.0, 0.6), (26.0, 0.8), (32.0, 0.9)]
    assert len(ages(0.4, course)) <= len(ages(1.0, course))
