"""One connection of a subscriber: its state, its deadlines, its frames in order, its replay."""
