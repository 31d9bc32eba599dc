"""How much of a score rests on the sound: tests over videos, what they could have shown, losses over time."""
