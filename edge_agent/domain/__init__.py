"""The nouns of the agent: frozen values that pass from room to room."""
