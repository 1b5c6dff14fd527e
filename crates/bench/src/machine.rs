//! What it was measured on, without names.

use serde::{Deserialize, Serialize};

use crate::process::output;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    pub file_system: String,
}

impl Machine {
    /// What cannot be found out is left empty.
    pub fn describe(folder: &std::path::Path) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kilobytes: f64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
        let folder = folder.to_string_lossy();
        Self {
            processor: field(&cpu, "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kilobytes / 1024.0 / 1024.0,
            kernel: kernel(&output("uname", &["-sr"]).unwrap_or_default()),
            file_system: output("findmnt", &["--noheadings", "--output", "FSTYPE", "--target", &folder]).unwrap_or_default(),
        }
    }
}

/// `Linux 6.18`: what follows names a build.
fn kernel(text: &str) -> String {
    let numbers: Vec<&str> = text.split('.').take(2).collect();
    numbers.join(".")
}
