"""A function of tensors through torch.compile as one graph; as it was where that cannot be."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, ParamSpec

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.random import kept_random_state_on_error

P = ParamSpec("P")


class Compiled(Generic[P]):
    """Calls a function through torch.compile: by CUDA's graphs where its tensors are there, and never in pieces.

    The graph may not break, since each break costs what compiling was to save. Where it would, and where no compiler
    exists, the function is called as it is, from the first call on.

    Args:
        function: of tensors, to several of them.

    Attributes:
        why_not: a sentence for a person, where the function is called as it is; empty before the first call.
    """

    def __init__(self, function: Callable[P, tuple[Tensor, ...]]) -> None:
        self._function = function
        self._compiled: Callable[P, tuple[Tensor, ...]] | None = None
        self.why_not = ""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Tensor, ...]:
        if self.why_not:
            return self._function(*args, **kwargs)
        try:
            with kept_random_state_on_error(), checks_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the compiler, on machines and options that are nobody's choice here
                return self._run(*args, **kwargs)
        except Exception as error:
            if not _is_compilers(error):
                raise
            self.why_not = f"the step runs uncompiled: {_reason(error)}"
            return self._function(*args, **kwargs)

    def _run(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Tensor, ...]:
        if self._compiled is None:
            # The number of graphs of one function is limited, and counted over all fits of a process.
            torch.compiler.reset()
            on_cuda = any(t.is_cuda for t in _tensors(args))
            mode = "reduce-overhead" if on_cuda else "default"
            self._compiled = torch.compile(self._function, fullgraph=True, mode=mode)
        torch.compiler.cudagraph_mark_step_begin()
        out = self._compiled(*args, **kwargs)
        # The next replay of a CUDA graph writes over these; the first is differentiated before it.
        return (out[0], *(t.clone() if t.is_cuda else t for t in out[1:]))


@contextmanager
def checks_kept() -> Iterator[None]:
    """Torch's checks of distributions' arguments as they were: its compiler switches them off for the whole process."""
    before = Distribution._validate_args
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _tensors(values: object) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return [t for value in values for t in _tensors(value)] if isinstance(values, tuple | list) else []


def _is_compilers(error: Exception) -> bool:
    """Whether the compiler failed, and not what it was to compile."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _reason(error: BaseException) -> str:
    """The first sentence of what a compiler says at length."""
    while error.__cause__ is not None and (not str(error) or "fullgraph=True" in str(error).splitlines()[0]):
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0][:150].rstrip('.')}" if lines else type(error).__name__
