//! Inputs that are nearly right: pieces of a corpus, changed a little. The same seed gives the same inputs.

/// What often matters in JSON, times and lines.
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "1e308",
    "-0",
    "9007199254740993",
    "0.1",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{1F600}",
    "2026-02-29T24:60:60Z",
    "+14:00",
    "metadata",
    "annals.",
];
const CHANGES_MAX: u64 = 6;
const BYTES_MAX: usize = 4096;

pub struct Mutations {
    corpus: Vec<Vec<u8>>,
    state: u64,
}

impl Mutations {
    /// Without end. `corpus` must not be empty, `seed` not 0.
    #[must_use]
    pub fn of(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { corpus, state: seed }
    }

    /// xorshift64.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.random() % end as u64) as usize }
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let (a, b) = (self.below(length + 1), self.below(length + 1));
        a.min(b)..a.max(b)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.random() % 6 {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.random() as u8,
            2 => drop(input.drain(self.range(input.len()))),
            3 => {
                let copied = input[self.range(input.len())].to_vec();
                input.splice(at..at, copied);
            }
            4 => {
                let other = self.below(self.corpus.len());
                let range = self.range(self.corpus[other].len());
                let piece = self.corpus[other][range].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(at..at, token.bytes());
            }
        }
        input.truncate(BYTES_MAX);
    }
}

impl Iterator for Mutations {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let first = self.below(self.corpus.len());
        let mut input = self.corpus.get(first)?.clone();
        for _ in 0..=self.random() % CHANGES_MAX {
            self.change(&mut input);
        }
        Some(input)
    }
}
