"""A storm: random work and random faults from a seed, all at once, and then what must hold whatever happened.

`make storm SEED=7` runs one. It starts an embedded AWS of its own with everything deployed, and ends with one line of
figures (JSON) and a line for each invariant that was broken.
"""
