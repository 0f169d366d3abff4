"""An edge agent: a camera's frames in, scene events over MQTT out. No image leaves the device."""

__version__ = "0.1.0"
