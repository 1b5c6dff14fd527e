//! Just enough of Rust's syntax to judge a file: comments and literals blanked, test modules cut out, functions found.

/// The same text, same lines and same length in characters, with comments, strings and character literals turned into spaces.
pub fn code_only(text: &str) -> String {
    let mut rest: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < rest.len() {
        let end = literal_end(&rest, at);
        for character in &mut rest[at..end] {
            if *character != '\n' {
                *character = ' ';
            }
        }
        at = end.max(at + 1);
    }
    rest.into_iter().collect()
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn literal_end(text: &[char], at: usize) -> usize {
    let next = |ahead: usize| text.get(at + ahead).copied().unwrap_or(' ');
    let word_before = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match (text[at], next(1)) {
        ('/', '/') => find(text, at, |t, i| t[i] == '\n'),
        ('/', '*') => block_comment_end(text, at),
        ('"', _) => quoted_end(text, at + 1, '"'),
        ('r', '"' | '#') if !word_before || text[at - 1] == 'b' => raw_string_end(text, at),
        // A character literal closes soon; a lifetime does not close at all.
        ('\'', '\\') => quoted_end(text, at + 1, '\''),
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn find(text: &[char], from: usize, stop: impl Fn(&[char], usize) -> bool) -> usize {
    (from..text.len()).find(|&i| stop(text, i)).unwrap_or(text.len())
}

fn block_comment_end(text: &[char], at: usize) -> usize {
    let mut depth = 0usize;
    let mut i = at;
    while i + 1 < text.len() {
        match (text[i], text[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

fn quoted_end(text: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < text.len() {
        match text[i] {
            '\\' => i += 2,
            c if c == quote => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

/// `r"…"` and `r#"…"#`; a raw identifier such as `r#type` is none.
fn raw_string_end(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return at;
    }
    let closes = |t: &[char], i: usize| t[i] == '"' && t[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (find(text, open + 1, closes) + 1 + hashes).min(text.len())
}

/// `code` (already without literals) with every inline module that only tests compile blanked: tests may know anything.
pub fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find(MARK) {
        let start = from + found;
        let after = start + MARK.len();
        let is_module = out[after..].trim_start().starts_with("mod ");
        let open = out[after..].find(['{', ';']).map(|i| after + i);
        let end = match open {
            Some(open) if is_module && out.as_bytes()[open] == b'{' => closing_brace(&out, open) + 1,
            _ => after,
        };
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
        from = start + blank.len();
    }
    out
}

/// The index of the brace that closes the one at `open`, or the end of the text.
fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

pub struct Function {
    pub name: String,
    pub lines: usize,
}

/// Every function with a body, in the order of the file, measured from the line of its name to the line of its last brace.
pub fn functions(code: &str) -> Vec<Function> {
    let mut out = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let word_before = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let name: String = code[at + 3..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // `fn(u8)` is a type and has no name.
        if word_before || name.is_empty() {
            continue;
        }
        let Some(open) = body(code, at) else { continue };
        let close = closing_brace(code, open);
        out.push(Function { name, lines: code[at..close].matches('\n').count() + 1 });
    }
    out
}

/// The brace that opens the body; `None` for a declaration that ends in a semicolon. `[u8; 4]` in a signature ends nothing.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut nesting = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => nesting += 1,
            b')' | b']' => nesting = nesting.saturating_sub(1),
            b';' if nesting == 0 => return None,
            b'{' if nesting == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text = "a /* b /* c */ d */ e // f\n\"g\\\"h\" r#\"i\"j\"# 'k' '\\'' '\"' &'l m b\"n\" br\"o\" r#type p";
        let code = code_only(text);
        assert_eq!(code.chars().count(), text.chars().count());
        assert_eq!(code.lines().count(), 2);
        let words: Vec<_> = code.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        assert_eq!(words, ["a", "e", "l", "m", "b", "b", "r", "type", "p"]);
    }

    #[test]
    fn only_test_modules_are_cut() {
        let code = "use a;\n#[cfg(test)]\nmod tests {\n  use b;\n  fn x() { }\n}\n#[cfg(test)]\nuse c;\nmod d { use e; }\n";
        let kept = without_test_modules(code);
        assert_eq!(kept.lines().count(), code.lines().count());
        assert!(!kept.contains("use b") && kept.contains("use a") && kept.contains("use c") && kept.contains("use e"), "{kept}");
    }

    #[test]
    fn functions_are_measured_with_their_signature() {
        let code = "fn one() {}\nfn two(\n  a: [u8; 4],\n) -> fn(u8) {\n  { }\n}\ntrait T { fn three(); }\nfn_four();\n";
        let found: Vec<_> = functions(code).into_iter().map(|f| (f.name, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1), ("two".to_owned(), 5)]);
    }
}
