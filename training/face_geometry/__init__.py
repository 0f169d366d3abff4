"""The model of points, head, gaze and eyes: its teachers, its training and its measures."""
