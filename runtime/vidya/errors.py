"""Every error that vidya raises on purpose.  Each says what is wrong and what to do about it."""


class VidyaError(Exception):
    """Base of all errors of this package."""


class DeviceError(VidyaError, RuntimeError):
    """A device cannot be opened, is lost, or failed."""


class OutOfMemoryError(DeviceError):
    """The device has no memory left, even after its cache was emptied."""


class BackendError(VidyaError, RuntimeError):
    """A backend plugin is missing, broken or built for another ABI."""


class UnsupportedError(VidyaError, NotImplementedError):
    """A device has no kernel for an op, and the fallback policy forbids going elsewhere."""


class AutogradError(VidyaError, RuntimeError):
    """A gradient was asked for that cannot be had."""


class TraceError(VidyaError, RuntimeError):
    """A traced function did something that a static plan cannot hold."""


class CheckpointError(VidyaError, ValueError):
    """A checkpoint is truncated, foreign or does not fit the model."""


class DataError(VidyaError, ValueError):
    """A data file is missing, empty or not what the model reads."""


class ConfigError(VidyaError, ValueError):
    """A setting has a wrong name or a wrong value."""


class TrainingError(VidyaError, RuntimeError):
    """Training cannot go on: the loss is not finite, say."""
