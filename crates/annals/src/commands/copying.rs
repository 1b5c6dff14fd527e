//! How far a copy has come, on standard error when that is a terminal.

use annals_engine::backup::Watch;
use indicatif::{ProgressBar, ProgressStyle};

pub struct Bar(ProgressBar);

impl Bar {
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes} of {total_bytes}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn begin(&self, what: &'static str, bytes: u64) {
        self.0.reset();
        self.0.set_length(bytes.max(1));
        self.0.set_message(what);
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
