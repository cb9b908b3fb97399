"""What the distributions of vectors ask of their parts before they read a shape."""

from torch import Tensor

from latentia.core.errors import ShapeError


def require_tensors(owner: str, **parts: object) -> None:
    """Refuse parts that are no tensors.

    Raises:
        ShapeError: with the first one's name and type.
    """
    for name, part in parts.items():
        if not isinstance(part, Tensor):
            raise ShapeError(
                f"{owner}: {name} is of type {type(part).__name__}, wanted a tensor whose last axes are the vector's; "
                "make it one by torch.tensor, in its full shape."
            )
