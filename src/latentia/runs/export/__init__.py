"""What a person takes away from a fit: weights and graphs that need neither this library nor Python."""

from latentia.runs.export.folder import DECODER, ENCODER, MANIFEST, TENSORS, Exported, Format, export

__all__ = ["DECODER", "ENCODER", "MANIFEST", "TENSORS", "Exported", "Format", "export"]
