"""From masks to text: sampling, the decoding loop, and the processor for other loops."""
