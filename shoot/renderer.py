"""Mitsuba, set to trace paths on the CPU: import `mi` from here, since its classes exist only once a variant is set."""

import mitsuba as mi

mi.set_variant("llvm_ad_rgb")

__all__ = ["mi"]
