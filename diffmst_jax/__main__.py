"""`python -m diffmst_jax ...` is `diffmst ...`."""

from diffmst_jax.cli import program

program()
