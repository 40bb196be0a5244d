"""Builds the engines of a profile. The only place that knows which engines belong together."""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

from ..batching import Limit
from ..config import ServerConfig
from ..models import ModelError, default_models_dir, locate_embedded, resolve_whisper
from ..recognition import EngineSet
from .base import RecognitionOptions

logger = logging.getLogger(__name__)

MAX_WORKERS = 4
"""More recognition threads than this on one machine must be asked for with ``--ncpu``."""


class EngineError(Exception):
    """The engines of a profile cannot be loaded; the message says what to do."""


def choose_profile(config: ServerConfig) -> tuple[str, str]:
    """Return the profile to serve and why.

    Raises:
        EngineError: a profile was asked for that cannot be served.
    """
    if config.profile == "nano":
        raise EngineError(
            "the nano profile is not available in this version yet; use --profile embedded"
        )
    if config.device == "cuda" and not cuda_device_present():
        raise EngineError("--device cuda: no CUDA device was found; use --device auto or cpu")
    if config.profile == "embedded":
        return "embedded", "asked for with --profile"
    if config.ngpu == 0 or config.device == "cpu":
        return "embedded", "the GPU was switched off with --ngpu 0 or --device cpu"
    if not cuda_device_present():
        return "embedded", "no CUDA device was found"
    return "embedded", "a CUDA device was found, but this version has no nano profile yet"


def cuda_device_present() -> bool:
    """Ask the CUDA driver, without needing torch, whether it has a device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return False
    return count.value > 0


def build_engines(config: ServerConfig, profile: str) -> EngineSet:
    """Load the engines of a profile and run each once.

    Raises:
        EngineError: model files or packages are missing or broken.
    """
    builders = {"embedded": _build_embedded}
    try:
        engines = builders[profile](config)
    except ModelError as error:
        raise EngineError(str(error)) from error
    except ModuleNotFoundError as error:
        raise EngineError(
            f"the package {error.name!r} is missing; run ./install.sh --profile {profile} --force"
        ) from error
    engines.warm_up()
    return engines


def _warn_of_unused(config: ServerConfig) -> None:
    """Options of FunASR's servers that the embedded profile accepts and does not use."""
    names = ["fp16", "punc_model", "vad_model"]
    names += [f"{model}_revision" for model in ("asr_model", "asr_model_online", "vad_model")]
    names += ["punc_model_revision"]
    unused = [name for name in names if getattr(config, name)]
    if config.asr_model_online not in ("", "none"):
        unused.append("asr_model_online")
    for name in unused:
        logger.warning("--%s is not used by the embedded profile", name)


def _build_embedded(config: ServerConfig) -> EngineSet:
    from .silero_vad import SileroVad
    from .whisper import WhisperOffline
    from .whisper_model import WhisperModel
    from .whisper_online import WhisperOnline
    from .whisper_text import readable

    _warn_of_unused(config)
    folder = Path(config.models_dir) if config.models_dir else default_models_dir()
    files = locate_embedded(folder)
    whisper = resolve_whisper(config.asr_model or None, folder, log=logger.info)
    workers = config.ncpu or min(os.cpu_count() or 1, MAX_WORKERS)
    model = WhisperModel(whisper, workers=workers)
    for text, language in (("說二十五", "zh"), ("twenty five", "en")):
        readable(text, language, RecognitionOptions())  # loads the grammars and dictionaries
    offline = WhisperOffline(model)
    online = None if config.asr_model_online == "none" else WhisperOnline(model)
    return EngineSet(
        vad=SileroVad(files.vad),
        offline=offline,
        online=online,
        workers=workers,
        online_limit=Limit(items=1),
        offline_limit=Limit(items=1),
        description=f"embedded: Silero VAD, Whisper ({whisper.name}) on {workers} CPU threads",
    )
