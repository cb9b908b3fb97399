"""Who takes part, each in a module of its own with a ``train``; a process imports one of them and no other."""

from typing import Any, NamedTuple


class Entrant(NamedTuple):
    """A module of this folder, and how it is used.

    Attributes:
        module: its name.
        says: one line for the results.
        options: of its ``train``.
        route: "onednn" sends fp32 matmuls of torch to oneDNN before anything is built; "" leaves torch as it comes.
    """

    module: str
    says: str
    options: dict[str, Any] = {}  # noqa: RUF012  never written to
    route: str = ""


ENTRANTS: dict[str, Entrant] = {
    "latentia": Entrant("of_latentia", "`latentia.fit`, as it comes"),
    "latentia-onednn": Entrant("of_latentia", "the same, `matmul='onednn'`", {"matmul": "onednn"}),
    "latentia-compiled": Entrant("of_latentia", "the same, `compile=True`", {"compiled": True}),
    "latentia-dreg": Entrant("of_latentia", "with the gradient that Latentia chooses itself", {"gradient": "auto"}),
    "bare": Entrant("bare", "a bare torch loop, fused Adam, torch's default matmul"),
    "bare-onednn": Entrant("bare", "the same, matmul through oneDNN", {}, "onednn"),
    "pythae": Entrant("of_pythae", "`BaseTrainer`, nothing evaluated or saved between epochs"),
    "pythae-tuned": Entrant("of_pythae", "the same, fused Adam, matmul through oneDNN", {"fused": True}, "onednn"),
    "pyro": Entrant("of_pyro", "`SVI.step`, closed KL, validation off"),
    "pyro-tuned": Entrant("of_pyro", "its loss as a module, fused torch Adam, oneDNN", {"own_adam": True}, "onednn"),
    "numpyro": Entrant("of_numpyro", "`SVI.update` in `lax.scan`, an epoch jitted whole"),
    "peak": Entrant("peak", "fp32 matmul of square matrices at the best of three sizes, torch's default"),
    "peak-onednn": Entrant("peak", "the same through oneDNN", {}, "onednn"),
}
