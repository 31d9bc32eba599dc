"""Where things lie: the data, what runs leave behind, and the leaderboard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.data.dataset import dataset, use_root
from avsal_bench.files import check_writable
from avsal_bench.kept import Contents
from avsal_bench.kept.noted import note_in
from avsal_bench.resources import folder_of, home, resource

#: Folders below the runs that a job writes into.
OF_RUNS = ("digests", "evaluate", "jobs", "logs", "stages")


@dataclass(frozen=True)
class Workspace:
    """The folders of a run.

    Args:
        home: below which the others lie, as long as nothing else is said; see :func:`avsal_bench.resources.home`.
        data_root: of the real data sets; None when there are none.
        synth_root: of the embedded sets, made on first use.
        runs: what training and testing leave behind.
        leaderboard: with the records in ``records``.
        reuse_other_code: whether what other code or other libraries made may be used; see :mod:`avsal_bench.kept`.
    """

    home: Path
    data_root: Path | None
    synth_root: Path
    runs: Path
    leaderboard: Path
    reuse_other_code: bool = False

    def __post_init__(self) -> None:
        """From here on the sets that the data root describes are known by their names, and notes on files are kept."""
        use_root(self.data_root)
        note_in(self.runs / "digests")

    @property
    def contents(self) -> Contents:
        """What the files of the data hold; what is known of them is kept below the runs."""
        return Contents(self.runs / "digests")

    @property
    def recipes(self) -> Path:
        """Folder of the recipes that come with the package."""
        return resource("recipes")

    @property
    def weights(self) -> Path:
        """Folder of imported published weights (environment: ``AVSAL_WEIGHTS``)."""
        return folder_of("AVSAL_WEIGHTS") or self.home / "weights"

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return self.leaderboard / "records"

    def root_of(self, name: str) -> Path:
        """Root of a data set; makes an embedded one when it is not there.

        Raises:
            FileNotFoundError: for a real set when no root is given, or it does not exist.
        """
        if dataset(name).embedded:
            from avsal_bench.data.synth.making import ensure_synth  # here: it takes libraries of video and sound

            ensure_synth(self.synth_root)
            return self.synth_root
        if self.data_root is None:
            raise FileNotFoundError(
                f"{name}: no data root; set AVSAL_DATA or --data-root to the folder of the sets"
                + (f". `avsal data get {name} --root DIR` fetches it, or says how" if dataset(name).online else "")
            )
        if not self.data_root.is_dir():
            raise FileNotFoundError(
                f"{name}: the data root {self.data_root} does not exist; see AVSAL_DATA, --data-root"
            )
        return self.data_root

    def check_writable(self, folders: Iterable[Path] = (), files: Iterable[Path] = ()) -> None:
        """Try every folder of results before hours are spent.

        Args:
            folders: besides those of runs and the leaderboard.
            files: that will be written, such as records.

        Raises:
            OSError: naming the first that cannot be written.
        """
        own = [self.runs, *(self.runs / name for name in OF_RUNS), self.leaderboard, self.records]
        check_writable([*own, *folders], files, "see --runs, --leaderboard; without them both lie below AVSAL_HOME")


def workspace(
    data_root: str | None = None, synth_root: str | None = None, runs: str | None = None, leaderboard: str | None = None
) -> Workspace:
    """The folders, from arguments, then the environment (``AVSAL_DATA``), then those below :func:`home`."""
    below = home()
    return Workspace(
        home=below,
        data_root=Path(data_root) if data_root else folder_of("AVSAL_DATA"),
        synth_root=Path(synth_root) if synth_root else below / "data" / "synth",
        runs=Path(runs) if runs else below / "runs",
        leaderboard=Path(leaderboard) if leaderboard else below / "leaderboard",
    )
