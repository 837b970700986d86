"""Charts of people who do not exist, made from a seed: the same system and person give the same bytes every time."""
