"""The one tree of errors that the agent raises on purpose.

Each message names the thing that failed and the remedy; each class has the exit status with which
a command ends when the error reaches it (those of sysexits.h).
"""

from __future__ import annotations


class AgentError(Exception):
    """Anything that the agent can tell its user in one line."""

    exit_status = 70


class ConfigurationError(AgentError):
    """The configuration cannot be used; the message holds every fault, one to a line."""

    exit_status = 78


class InputError(AgentError):
    """An image or a video that was named cannot be read."""

    exit_status = 66


class OutputError(AgentError):
    """A file that was asked for cannot be written."""

    exit_status = 73


class ModelError(AgentError):
    """A model file is missing, damaged or not what the manifest says."""

    exit_status = 65


class CameraError(AgentError):
    """A camera is not there, or gives no frames."""

    exit_status = 69


class BrokerError(AgentError):
    """A broker cannot be reached, or refuses."""

    exit_status = 69


class MissingDependencyError(AgentError):
    """An optional package is needed for what was asked."""

    exit_status = 69
