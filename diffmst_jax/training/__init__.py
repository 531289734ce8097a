"""Training: everything that `train.py` puts together.

config      the settings of a run, typed
settings    from what Hydra composed to these
feed        from data settings to batches and held-out examples
objective   the loss of one batch
step        the state that evolves and the one jitted step
checkpoint  the last and the best state on disk
watch       scalars, validation, terminal
export      the card of the finished model
"""
