"""Lets a model answer in a process that was forked after torch has computed."""

from __future__ import annotations

import functools
import os


@functools.cache
def compute_on_one_thread_in_forks() -> None:
    """From now on torch computes on one thread in the children of this process.

    OpenMP keeps its threads waiting for more work. A fork copies none of them, and the child waits for them for ever
    (gunicorn --preload, Celery, `datasets.map(num_proc=...)`). Processes that are spawned have all their threads.
    """
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))
