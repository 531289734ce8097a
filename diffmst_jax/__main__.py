"""`python -m diffmst_jax ...` is `diffmst ...`."""

import sys

from diffmst_jax.cli import main

sys.exit(main())
