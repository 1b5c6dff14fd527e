//! Files and functions stay small. What is already too large is listed with its size, and may only shrink.

use super::SourceFile;
use super::source::{code_only, functions};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 100;

/// Path and lines. A size that no longer fits the file is a fault too: lower it, or delete the entry when it is below the maximum.
const LARGE_FILES: &[(&str, usize)] = &[];

/// Path, name and lines.
const LARGE_FUNCTIONS: &[(&str, &str, usize)] = &[];

pub fn faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let path = file.path.as_str();
        let allowed = LARGE_FILES.iter().find(|(large, _)| *large == path).map(|(_, lines)| *lines);
        faults.extend(fault(path, file.text.lines().count(), FILE_LINES_MAX, allowed));
        for function in functions(&code_only(&file.text)) {
            let entry = LARGE_FUNCTIONS.iter().find(|(large, name, _)| *large == path && *name == function.name);
            let name = format!("{path}: fn {}", function.name);
            faults.extend(fault(&name, function.lines, FUNCTION_LINES_MAX, entry.map(|(_, _, lines)| *lines)));
        }
    }
    faults
}

fn fault(name: &str, lines: usize, max: usize, allowed: Option<usize>) -> Option<String> {
    match allowed {
        None if lines > max => Some(format!("{name}: {lines} lines, at most {max}")),
        Some(allowed) if lines > allowed => Some(format!("{name}: {lines} lines, and it may only shrink from {allowed}")),
        Some(allowed) if lines < allowed => {
            Some(format!("{name}: {lines} lines now, so lower its entry from {allowed} in xtask/src/tidy/ratchet.rs"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_only_shrink() {
        for (lines, allowed, is_fault) in
            [(500, None, false), (501, None, true), (700, Some(700), false), (701, Some(700), true), (699, Some(700), true)]
        {
            assert_eq!(fault("x", lines, 500, allowed).is_some(), is_fault, "{lines} {allowed:?}");
        }
    }

    #[test]
    fn a_long_file_and_a_long_function_are_found() {
        let text = format!("fn long() {{\n{}}}\n", "    work();\n".repeat(600));
        let files = [SourceFile { path: "crates/x.rs".to_owned(), text }];
        assert_eq!(faults(&files), ["crates/x.rs: 602 lines, at most 500", "crates/x.rs: fn long: 602 lines, at most 100"]);
    }
}
