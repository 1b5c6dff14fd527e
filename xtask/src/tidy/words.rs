//! Words that must not be committed: unfinished work, one machine's paths, addresses of package hosts.

use super::SourceFile;

/// Written in two halves, so that this file does not contain what it looks for.
const WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("db", "g!"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("files.python", "hosted.org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("proxy.go", "lang.org"),
    concat!("sum.go", "lang.org"),
];

pub fn faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            for word in WORDS.iter().filter(|word| contains_word(line, word)) {
                faults.push(format!("{}:{}: {word}", file.path, at + 1));
            }
        }
    }
    faults
}

/// A word that begins or ends in a letter is not found inside a longer one.
fn contains_word(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let longer_before = is_letter(word.chars().next()) && is_letter(line[..at].chars().next_back());
        let longer_after = is_letter(word.chars().next_back()) && is_letter(line[at + word.len()..].chars().next());
        !longer_before && !longer_after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_alone_and_not_inside_others() {
        let word = WORDS[0];
        for (line, found) in [
            (format!("// {word}: later"), true),
            (word.to_owned(), true),
            (format!("MY_{word}_LIST"), false),
            (format!("{word}S"), false),
        ] {
            assert_eq!(contains_word(&line, word), found, "{line}");
        }
        assert!(contains_word(&format!("see {}main", WORDS[5]), WORDS[5]));
    }

    #[test]
    fn a_fault_names_file_and_line() {
        let files = [SourceFile { path: "a.md".to_owned(), text: format!("one\ntwo {}\n", WORDS[7]) }];
        assert_eq!(faults(&files), [format!("a.md:2: {}", WORDS[7])]);
    }
}
