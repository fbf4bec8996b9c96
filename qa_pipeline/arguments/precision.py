"""Decides whether a run computes in bfloat16. Never sees a model or a file."""

from __future__ import annotations

import os


def accelerator_available() -> bool:
    """True where this process may compute on something other than a CPU."""
    import torch
    from transformers.utils import (
        is_torch_hpu_available,
        is_torch_mlu_available,
        is_torch_musa_available,
        is_torch_xla_available,
    )

    if env_true("ACCELERATE_USE_CPU"):
        return False
    if torch.accelerator.is_available():
        return True
    others = (is_torch_xla_available, is_torch_hpu_available, is_torch_mlu_available, is_torch_musa_available)
    return any(available() for available in others)


def accelerator_type() -> str | None:
    """What this process computes on: None on a CPU, else torch's word ("cuda", "mps", "xpu" ...)."""
    import torch

    if not accelerator_available():
        return None
    current = torch.accelerator.current_accelerator()
    return current.type if current is not None else "other"


def resolve_bf16(wanted: bool | None = None, *, fp16: bool = False, use_cpu: bool = False) -> tuple[bool, str]:
    """Says whether to compute in bfloat16, and why in one line for the log.

    Args:
        wanted: what the user asked for; None decides by what the device does natively. Emulated bfloat16 is slower than
            float32, so it counts as absent.
        fp16: float16 was asked for, which rules bfloat16 out unless it was asked for too (the caller reports that).
        use_cpu: computes on the CPU although an accelerator may be there.
    """
    on_cpu = use_cpu or not accelerator_available()
    native, detail = _cpu_support() if on_cpu else _accelerator_support()
    if wanted is not None:
        slow = "" if native or not wanted else f", though {detail}: expect it to be slower than float32"
        return wanted, f"bf16 {'on' if wanted else 'off'}: asked for{slow}"
    if fp16:
        return False, "bf16 off: fp16 was asked for"
    if os.environ.get("ACCELERATE_MIXED_PRECISION") == "fp16":
        return False, "bf16 off: accelerate was launched with fp16"
    return native, f"bf16 {'on' if native else 'off'}: {detail}"


def _cpu_support() -> tuple[bool, str]:
    import torch

    features = torch.cpu.get_capabilities()
    for feature, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16"), ("bf16", "Arm BF16")):
        if features.get(feature):
            return True, f"the CPU computes it natively ({name})"
    return False, "the CPU has neither AVX512-BF16 nor AMX nor Arm BF16"


def _accelerator_support() -> tuple[bool, str]:
    import torch
    from transformers.utils import is_torch_bf16_gpu_available

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return native, f"{name} {'computes' if native else 'does not compute'} it natively"
    if torch.backends.mps.is_available():
        return False, "Apple GPUs of the first generation only emulate it; set bf16 to use it"
    native = bool(is_torch_bf16_gpu_available())
    return native, f"the accelerator {'supports' if native else 'does not support'} it"


def env_true(name: str) -> bool:
    """Whether an environment variable is set to a word for yes."""
    return os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "y", "on", "t")
