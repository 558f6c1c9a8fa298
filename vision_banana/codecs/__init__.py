"""Values to RGB and back: the colour codecs, and metrics on the values."""
