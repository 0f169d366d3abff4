"""Stories, properties and calibration of the scene."""
