//! Deciding, and taking back.
