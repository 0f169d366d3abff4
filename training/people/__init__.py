"""The detector of faces, heads and people: its data, its training and its measures."""
