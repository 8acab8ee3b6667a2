"""Rights of files, which root does without."""

import contextlib
import ctypes
import os

_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2
_GET_SECUREBITS, _SET_SECUREBITS = 27, 28
_NO_SETUID_FIXUP = 1 << 2


@contextlib.contextmanager
def of_files_count():
    """Let the rights of files count for this thread and those that it starts, also as root.

    Not for other programs: they get back what root may do.
    """
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    capabilities = (ctypes.c_uint32 * 6)()  # the first: what counts, of the lower 32
    assert libc.capget(header, capabilities) == 0
    bits, before = libc.prctl(_GET_SECUREBITS), capabilities[0]
    # Else os.access would ask what root could do if it took it back.
    assert libc.prctl(_SET_SECUREBITS, bits | _NO_SETUID_FIXUP) == 0
    capabilities[0] &= ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    assert libc.capset(header, capabilities) == 0
    try:
        yield
    finally:
        capabilities[0] = before
        assert libc.capset(header, capabilities) == 0
        assert libc.prctl(_SET_SECUREBITS, bits) == 0
