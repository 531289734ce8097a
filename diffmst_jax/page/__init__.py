"""The page of `diffmst serve`: a mixing desk in the browser over a server on this computer."""
