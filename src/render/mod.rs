//! Words become an encoded, loudness-normalised clip within a deadline.
