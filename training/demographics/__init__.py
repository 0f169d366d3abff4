"""The age and gender model: its data, its training and its measures."""
