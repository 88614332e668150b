"""Tabletop drills (6.5): what a scenario says, and how a drill goes. Pure, like every rule."""
