"""The expression model: its training, on FER+ or on faces of one's own, and its measures."""
