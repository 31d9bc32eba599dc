"""Where the sound goes in a network: the share of it in what each part gives, and the gradients that come back."""
