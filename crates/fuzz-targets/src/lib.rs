//! What must hold for every input, whoever sends it. A target is a function that panics when it does not hold: `fuzz/` gives it to the real
//! fuzzer, the tests here run each with its committed corpus and a fixed number of mutations of it.

mod batch_lines;
mod event_body;
mod ids_and_times;
mod json_text;
mod mutate;
mod normal_form;
mod trail_body;

pub use mutate::Mutations;

pub struct Target {
    /// Also the name of its folder in `fuzz/corpus` and of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    Target { name: "batch_lines", run: batch_lines::run },
    Target { name: "event_body", run: event_body::run },
    Target { name: "ids_and_times", run: ids_and_times::run },
    Target { name: "json_text", run: json_text::run },
    Target { name: "normal_form", run: normal_form::run },
    Target { name: "trail_body", run: trail_body::run },
];

/// Runs the target with this name.
///
/// # Panics
/// There is none, or it found something.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target is called {name}")).run)(data);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MUTATIONS: usize = 20_000;

    #[test]
    fn every_target_holds_for_its_corpus_and_for_mutations_of_it() {
        for Target { name, run } in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
            let mut files: Vec<_> =
                std::fs::read_dir(folder).expect("a corpus").map(|file| file.expect("a file").path()).collect();
            files.sort();
            let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a file")).collect();
            assert!(!corpus.is_empty(), "{name} has no corpus");
            for (input, file) in corpus.iter().zip(&files) {
                println!("{name}: {}", file.display());
                run(input);
            }
            for input in Mutations::of(corpus, 1).take(MUTATIONS) {
                if let Err(panic) = std::panic::catch_unwind(|| run(&input)) {
                    println!("{name} fails for {:?}", String::from_utf8_lossy(&input));
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
}
