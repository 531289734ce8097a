"""What tests of models share."""

from tests.training.conftest import compiled_once  # noqa: F401  (a fixture)
