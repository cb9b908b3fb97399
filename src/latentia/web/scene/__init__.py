"""What the explorer's page shows of a run, computed once; and the page with it as files that need no server.

``rows`` says which ones, ``looking`` goes through them once (encodings, spreads, scores) and shows each to a domain, which
knows how such a row is drawn; ``latents``, ``plane`` and ``prior`` follow from the encodings, and ``writing`` makes files of
it all.
"""

from latentia.web.scene.domains import DOMAINS, Domain
from latentia.web.scene.exporting import ExportedPage, export_page
from latentia.web.scene.writing import Backend, Scene, write_scene

__all__ = ["DOMAINS", "Backend", "Domain", "ExportedPage", "Scene", "export_page", "write_scene"]
