//! Texts of strangers inside our messages.

use std::fmt;

/// An id as somebody sent it, cut so that an answer cannot be made long with it.
#[derive(Debug, Clone, Copy)]
pub struct ShownId<'a>(pub &'a str);

const SHOWN_CHARS_MAX: usize = 128;

impl fmt::Display for ShownId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(SHOWN_CHARS_MAX).try_for_each(|c| write!(f, "{c}"))
    }
}
