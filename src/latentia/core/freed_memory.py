"""Memory that was freed stays with the process for a while, since a step asks for the same again.

glibc returns large pieces to the system at once, which then hands out other ones and clears them page by page: 12,000 pages
a step, a sixth of its time, for 50 draws of 100 rows of 784 values.
"""

import ctypes
import os
import sys
from functools import cache

# Names and numbers of malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
# At most so much is kept beyond what is in use; pieces larger than the second come and go as before.
KEPT, LARGEST = 512 << 20, 256 << 20
# The most that an older glibc takes for the second.
LARGEST_BEFORE = 32 << 20


@cache
def keep_freed_memory() -> bool:
    """From now on, in all of the process; nothing where the C library is another or a ``MALLOC_`` variable says how.

    Returns:
        Whether it is so.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not mallopt(TRIM_THRESHOLD, KEPT):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) or mallopt(MMAP_THRESHOLD, LARGEST_BEFORE))
