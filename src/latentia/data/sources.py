"""Where the files of a named data set are: a folder of the user's, the cache, or a public address with a known checksum."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from latentia.core.errors import DataError

VARIABLE = "LATENTIA_DATA"
TIMEOUT = 10.0  # seconds to connect, and between two pieces of an answer
RETRIES = 1
_MAY_DOWNLOAD = ContextVar("may_download", default=True)


@dataclass(frozen=True)
class File:
    """One file of a named set.

    Attributes:
        name: its name on disk.
        url: its public address, or None for a file that is published nowhere in this form.
        sha256: the checksum of what is published there; without one it is never downloaded.
        shelf: another folder under ``$LATENTIA_DATA`` in which it may lie.
    """

    name: str
    url: str | None = None
    sha256: str | None = None
    shelf: str | None = None


# The files that make up a set in one of the forms in which it is found.
Form = tuple[File, ...]


def locate(name: str, forms: Sequence[Form], folder: str | Path | None = None) -> dict[str, Path]:
    """The files of the first form that is complete on this machine, else of the first that can be downloaded, by name.

    A file is taken from ``$LATENTIA_DATA/<name>/`` as it is. Else from ``<folder>/<name>/``, where ``folder`` is the cache
    unless given: there a file with a known checksum must have it, and what is missing is downloaded.

    Args:
        name: of the data set.
        forms: the forms, best first.
        folder: used in place of the cache.

    Raises:
        DataError: a file is neither here nor to be had, or is not what was published; inside of ``no_downloads``, it is not
            here.
    """
    for form in forms:
        found = {file.name: path for file in form if (path := _present(name, file, folder))}
        if len(found) == len(form):
            return found
    for form in forms:
        if all(file.url and file.sha256 for file in form):
            if not _MAY_DOWNLOAD.get():
                raise _missing(name, form, f"and nothing is downloaded here, as latentia.load_data({name!r}) does")
            return _complete(name, form, folder)
    published = next(form for form in forms if all(file.url for file in form))
    raise _missing(name, published, "and of no known checksum to download it by")


@contextmanager
def no_downloads() -> Iterator[None]:
    """Inside, in this thread or task, a file that is not on this machine is an error and not a download."""
    before = _MAY_DOWNLOAD.set(False)
    try:
        yield
    finally:
        _MAY_DOWNLOAD.reset(before)


def cache_folder() -> Path:
    """Where downloads are kept, by the habit of the operating system."""
    import pooch

    return Path(pooch.os_cache("latentia"))


def download(url: str, path: Path, sha256: str) -> None:
    """Fetch ``url`` to ``path``, which appears only when whole and of that checksum.

    Raises:
        ValueError: what came has another checksum.
        OSError: no connection, a refusal, a time-out, or nowhere to write.
    """
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # what went wrong is said once, by us
    store = pooch.create(
        path=path.parent,
        base_url="",
        registry={path.name: f"sha256:{sha256}"},
        urls={path.name: url},
        retry_if_failed=RETRIES,
    )
    # stream=False: read at once, an answer that is refused does not leave its connection open
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=1 << 16, stream=False)
    store.fetch(path.name, downloader=downloader)  # pyright: ignore[reportArgumentType]  # pooch's protocol names other arguments


def _present(name: str, file: File, folder: str | Path | None) -> Path | None:
    own = os.environ.get(VARIABLE)
    for shelf in (name, file.shelf):
        if own and shelf and (path := Path(own).expanduser() / shelf / file.name).is_file():
            return path
    path = _kept(name, file, folder)
    if not path.is_file():
        return None
    if file.sha256:
        import pooch

        if pooch.file_hash(str(path), alg="sha256") != file.sha256:
            raise DataError(
                f"{path} is not the published {file.name}, its sha256 differs; delete it to download it again, or move it "
                f"to {_home(name)}/{file.name} to read it as it is."
            )
    return path


def _complete(name: str, form: Form, folder: str | Path | None) -> dict[str, Path]:
    """Every file of the form, those that are missing downloaded."""
    found = {file.name: _present(name, file, folder) for file in form}
    missing = [file for file in form if found[file.name] is None]
    for done, file in enumerate(missing):
        assert file.url is not None
        assert file.sha256 is not None
        try:
            download(file.url, _kept(name, file, folder), file.sha256)
        except (OSError, ValueError) as error:
            raise _missing(name, missing[done:], f"and not to be downloaded ({_reason(error)})") from error
    return {file.name: found[file.name] or _kept(name, file, folder) for file in form}


def _missing(name: str, files: Sequence[File], why: str) -> DataError:
    names = ", ".join(file.name for file in files)
    if len(files) == 1:
        source, place = files[0].url, f"{_home(name)}/{files[0].name}"
    else:
        source, place = f"{str(files[0].url).removesuffix(files[0].name)}<file>", f"{_home(name)}/<file>"
    return DataError(
        f"{name!r} needs {names}, not found on this machine {why}; get {'it' if len(files) == 1 else 'each'} from {source} "
        f"and put it at {place} ({_state()})."
    )


def _kept(name: str, file: File, folder: str | Path | None) -> Path:
    root = cache_folder() if folder is None else Path(folder).expanduser()
    return root / name / file.name


def _home(name: str) -> str:
    return f"${VARIABLE}/{name}"


def _state() -> str:
    own = os.environ.get(VARIABLE)
    return f"{VARIABLE} is {own}" if own else f"{VARIABLE} is not set"


def _reason(error: OSError | ValueError) -> str:
    """The cause in a few words; the messages of network libraries run over many lines."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "what came has another sha256"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"HTTP {status}" if status else type(error).__name__
