"""Which way matrix products go on a CPU: both are timed on the model's own before the first step, and their errors measured.

torch multiplies float32 matrices by the library that it was built with, which is half as fast as oneDNN on some machines.
The switch that leads to oneDNN permits it to round to bfloat16: some machines' oneDNN makes no use of that, others' does. So
the speed is measured, and the error too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Matmul = Literal["auto", "default", "onednn"]
SETTINGS = {"default": "none", "onednn": "bf16"}
LARGEST_ERROR = 1e-6
# Less than what a clock that is not steady shows where there is none.
SMALLEST_GAIN = 1.02
SWITCH: Any = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]  made when torch is loaded
# Of the time that the products of the whole training take, at about so many a second; within bounds.
SHARE, FLOPS_A_SECOND, SECONDS = 0.02, 5e10, (0.05, 0.6)
ROUNDS_AT_LEAST = 3
SHAPES_AT_MOST, LARGEST_PRODUCT = 6, 2.5e8
# Of fewer products than this in a step nobody notices the speed.
SMALLEST_STEP = 1e6


class Product(NamedTuple):
    """(m, k) times (k, n): rows of a batch, values in, values out."""

    m: int
    k: int
    n: int

    @property
    def flops(self) -> float:
        """Multiplications and additions."""
        return 2.0 * self.m * self.k * self.n


@dataclass(frozen=True)
class Route:
    """The way that was chosen.

    Attributes:
        name: "default", "onednn", or "as set" by whoever set torch's switch before.
        reason: a sentence for a person; empty where there was no choice.
    """

    name: str = "default"
    reason: str = ""


class Products(TorchDispatchMode):
    """Inside, notes the shapes of all products of matrices."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch imports its compiler to keep it out of here, a second of every start.
        return False

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[Product] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func._schema.name
        if name in ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"):
            left, right = args[-2], args[-1]
            if left.dtype == torch.float32:
                batch = left.shape[0] if left.ndim == 3 else 1
                self.seen[Product(left.shape[-2], left.shape[-1], right.shape[-1])] += batch
        return func(*args, **(kwargs or {}))


@contextmanager
def setting_kept() -> Iterator[None]:
    """Torch's setting as it was before, afterwards."""
    before = SWITCH.fp32_precision
    try:
        yield
    finally:
        SWITCH.fp32_precision = before


def take(route: str) -> None:
    """Send float32 products that way, if it is another than they go.

    >>> with setting_kept():
    ...     take("onednn")
    ...     torch.backends.mkldnn.matmul.fp32_precision
    'bf16'
    """
    if route in SETTINGS and SWITCH.fp32_precision != SETTINGS[route]:
        SWITCH.fp32_precision = SETTINGS[route]


def chosen(wanted: Matmul, seen: Callable[[], Counter[Product]], steps: int) -> Route:
    """The way that was asked for, or the faster one for these products; whoever set torch's switch is left alone."""
    if wanted == "auto" and SWITCH.fp32_precision != "none":
        return Route("as set", f"matrix products as torch was told: fp32_precision is {SWITCH.fp32_precision!r}")
    return fastest_route(seen(), steps) if wanted == "auto" else Route(wanted)


def checked(route: Route) -> Route:
    """A way that was chosen elsewhere, or torch's default where this machine's oneDNN rounds."""
    if route.name != "onednn" or exact_here():
        return route
    return Route(reason="matrix products by torch's default: oneDNN rounds here")


def exact_here() -> bool:
    """Whether oneDNN multiplies float32 matrices as float32 on this machine."""
    with setting_kept(), torch.no_grad(), torch.random.fork_rng(devices=[]):
        return _error(Product(512, 784, 500)) < LARGEST_ERROR


def fastest_route(seen: Counter[Product], steps: int) -> Route:
    """The faster way for these products, forwards and in both gradients, among those that are float32.

    Args:
        seen: shapes of the forward products of a step, and how many of each.
        steps: that there will be.
    """
    step = 3 * sum(p.flops * n for p, n in seen.items())
    seconds = min(SECONDS[1], max(SECONDS[0], SHARE * step * steps / FLOPS_A_SECOND))
    if not torch.backends.mkldnn.is_available() or step < SMALLEST_STEP:
        return Route()
    most = [product for product, _ in sorted(seen.items(), key=lambda item: -item[0].flops * item[1])[:SHAPES_AT_MOST]]
    with setting_kept(), torch.no_grad(), torch.random.fork_rng(devices=[]):
        times = dict.fromkeys(SETTINGS, 0.0)
        for product in most:
            for name, spent in _timed(product, seconds / len(most)).items():
                times[name] += spent * seen[product]
        gain = times["default"] / times["onednn"]
        if gain < SMALLEST_GAIN:
            return Route()
        error = max(_error(product) for product in most)
    if not error < LARGEST_ERROR:
        said = f"oneDNN errs by {error:.0e} here, wanted {LARGEST_ERROR:.0e}"
        return Route(reason=f"matrix products by torch's default: {said}")
    return Route("onednn", f"matrix products by oneDNN, {gain:.2f} times as fast here, errors of {error:.0e}")


def _timed(product: Product, seconds: float) -> dict[str, float]:
    """The best time of a product and its gradients on each way, in turns, in about so many seconds."""
    rows = max(1, min(product.m, int(LARGEST_PRODUCT / (2.0 * product.k * product.n))))
    best = dict.fromkeys(SETTINGS, float("inf"))
    works = _work(product._replace(m=rows))
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < ROUNDS_AT_LEAST or time.perf_counter() < end:
        for name in SETTINGS:
            take(name)
            began = time.perf_counter()
            for work in works:
                work()
            best[name] = min(best[name], time.perf_counter() - began)
        rounds += 1
    return {name: spent * product.m / rows for name, spent in best.items()}


def _work(product: Product) -> list[Callable[[], Tensor]]:
    x, weight, back = (torch.randn(shape) for shape in (product[:2], (product.n, product.k), (product.m, product.n)))
    return [lambda: torch.nn.functional.linear(x, weight), lambda: back.T @ x, lambda: back @ weight]


def _error(product: Product) -> float:
    """Length of oneDNN's error, relative to the length of the product; the largest of forwards and both gradients."""
    few = product._replace(m=min(product.m, 512))
    x, weight, back = (torch.randn(shape) for shape in (few[:2], (few.n, few.k), (few.m, few.n)))
    take("onednn")
    errors = []
    for left, right in ((x, weight.T), (back.T, x), (back, weight)):
        exact = left.double() @ right.double()
        errors.append(float(((left @ right).double() - exact).norm() / exact.norm()))
    return max(errors)
