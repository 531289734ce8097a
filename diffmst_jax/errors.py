"""The error that every program of this package answers wrong input with."""

from os import PathLike

from diffmst_jax.names import legible


class InputError(ValueError):
    """Input that cannot be used, said in one line: which file, what is wrong, what to do.

    A `ValueError`, so that callers from Python need not know it. Command-line programs print it on
    standard error and end with exit status 2.

    Attributes:
        path: the file, folder, or place inside a file (`console.json: tracks[2].pan`).
        problem: what is wrong with it, as a clause that goes on from the path.
        remedy: what the user can do, as an imperative clause.
    """

    def __init__(self, path: str | PathLike[str], problem: str, remedy: str) -> None:
        self.path = str(path)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self.path, problem, remedy)

    def __str__(self) -> str:
        """One line, whatever characters the path or the causing library's message held."""
        return legible(" ".join(f"{self.path}: {self.problem}; {self.remedy}".split()))
