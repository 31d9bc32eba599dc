"""What the network of a record looks at: films of its test videos, and maps of several networks side by side."""
