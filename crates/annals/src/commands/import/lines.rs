//! The lines of a file, and where they end: a place in the file is its length in bytes and lines and the digest of everything before it.

use std::io::{BufRead, Read};

use annals_core::limits::BODY_BYTES_MAX;
use sha2::{Digest, Sha256};

use super::super::Failed;

/// No event is as long.
const LINE_BYTES_MAX: usize = BODY_BYTES_MAX;

pub struct Line {
    /// 1 is the first.
    pub number: u64,
    pub content: Content,
}

pub enum Content {
    Text(Vec<u8>),
    TooLong,
}

/// Reads on from a place in a file.
pub struct Lines<R> {
    reader: R,
    pub bytes: u64,
    lines: u64,
    digest: Sha256,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, bytes: 0, lines: 0, digest: Sha256::new() }
    }

    pub fn count(&self) -> u64 {
        self.lines
    }

    /// Of everything that was read, in hexadecimal.
    pub fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    /// Passes over the first `bytes`, which have `lines` lines. Whether they were there, and have this digest, the caller sees.
    pub fn skip(&mut self, bytes: u64, lines: u64) -> Result<(), Failed> {
        while self.bytes < bytes {
            let buffer = self.reader.fill_buf()?;
            let piece = buffer.len().min(usize::try_from(bytes - self.bytes).unwrap_or(usize::MAX));
            if piece == 0 {
                break;
            }
            self.digest.update(&buffer[..piece]);
            self.reader.consume(piece);
            self.bytes += piece as u64;
        }
        self.lines = lines;
        Ok(())
    }

    /// The next line that has something, without its end.
    pub fn next(&mut self) -> Result<Option<Line>, Failed> {
        loop {
            let mut text = Vec::new();
            let read = (&mut self.reader).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            self.pass(&text);
            self.lines += 1;
            let too_long = text.len() > LINE_BYTES_MAX && !text.ends_with(b"\n");
            if too_long {
                self.pass_rest()?;
                return Ok(Some(Line { number: self.lines, content: Content::TooLong }));
            }
            // Some editors put a byte order mark in front of everything.
            let text = if self.lines == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text) } else { &text };
            let text = text.trim_ascii();
            if !text.is_empty() {
                return Ok(Some(Line { number: self.lines, content: Content::Text(text.to_vec()) }));
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The rest of a line of any length.
    fn pass_rest(&mut self) -> Result<(), Failed> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = end.map_or(buffer.len(), |end| end + 1);
            self.digest.update(&buffer[..piece]);
            self.reader.consume(piece);
            self.bytes += piece as u64;
            if end.is_some() || piece == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> (Vec<(u64, String)>, u64) {
        let mut lines = Lines::new(text);
        let mut read = Vec::new();
        while let Some(line) = lines.next().expect("readable") {
            let content = match line.content {
                Content::Text(text) => String::from_utf8(text).expect("text"),
                Content::TooLong => "too long".to_owned(),
            };
            read.push((line.number, content));
        }
        (read, lines.bytes)
    }

    #[test]
    fn lines_keep_their_numbers() {
        let (lines, bytes) = all(b"\xef\xbb\xbfa\r\n\n  b \nc");
        assert_eq!(lines, [(1, "a".to_owned()), (3, "b".to_owned()), (4, "c".to_owned())]);
        assert_eq!(bytes, 13);
    }

    #[test]
    fn a_line_of_any_length_is_passed_over() {
        let exact = "x".repeat(LINE_BYTES_MAX);
        let text = format!("{exact}\n{exact}{exact}{exact}y\nz\n{exact}y");
        let (lines, bytes) = all(text.as_bytes());
        let told = ["too long", "z", "too long"].map(str::to_owned);
        assert_eq!(lines[0].1.len(), LINE_BYTES_MAX);
        assert_eq!(lines[1..].iter().map(|(_, text)| text.clone()).collect::<Vec<_>>(), told);
        assert_eq!(bytes, text.len() as u64);
    }

    #[test]
    fn a_place_is_found_again() {
        let text = b"a\nb\nc\n".as_slice();
        let mut first = Lines::new(text);
        for _ in 0..2 {
            first.next().expect("readable");
        }
        let mut second = Lines::new(text);
        second.skip(first.bytes, first.count()).expect("readable");
        assert_eq!((first.digest(), first.bytes), (second.digest(), second.bytes));
        assert_eq!(second.next().expect("readable").map(|line| line.number), Some(3));
        let mut short = Lines::new(text);
        short.skip(100, 9).expect("readable");
        assert_eq!(short.bytes, 6);
    }
}
