"""Model cards: all that is known of one network, in the form of the Hugging Face Hub, with what is unknown said."""
