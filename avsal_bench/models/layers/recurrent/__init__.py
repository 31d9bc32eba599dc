"""What goes through a video with a state: recurrent units, and how their state is carried from batch to batch."""
