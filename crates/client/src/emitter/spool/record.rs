//! One record of a spool file: a line of text.
//!
//! ```text
//! 1a2b3c4d 1785000000000000 {"organization_id":"org_…","event":{…},"idempotency_key":"…"}⏎
//! checksum emitted at, µs   what is sent to the server
//! ```
//!
//! The checksum is CRC-32 over everything between its space and the end of the line. JSON from our serializer holds no line
//! break, so a reader that meets damage is in step again at the next line. And an operator can read a spool with `less`.

use annals_core::time::Micros;
use bytes::Bytes;

const CHECKSUM_CHARS: usize = 8;
/// Checksum, time and their spaces and the line break, at most.
pub(super) const OVERHEAD_BYTES_MAX: usize = CHECKSUM_CHARS + 1 + 20 + 1 + 1;

/// Appends a line. `json` must not hold a line break; nothing is appended and `false` returned if it does.
pub(super) fn encode(out: &mut Vec<u8>, emitted_at: Micros, json: &[u8]) -> bool {
    if json.contains(&b'\n') {
        return false;
    }
    let start = out.len();
    out.extend_from_slice(&[b'0'; CHECKSUM_CHARS]);
    out.push(b' ');
    out.extend_from_slice(emitted_at.get().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(json);
    let checksum = format!("{:08x}", crc32(&out[start + CHECKSUM_CHARS + 1..]));
    out[start..start + CHECKSUM_CHARS].copy_from_slice(checksum.as_bytes());
    out.push(b'\n');
    true
}

/// `line` is without its line break. `None`: damaged.
pub(super) fn decode(line: &Bytes) -> Option<(Micros, Bytes)> {
    let checked = line.get(CHECKSUM_CHARS + 1..)?;
    if line[CHECKSUM_CHARS] != b' ' || line[..CHECKSUM_CHARS] != *format!("{:08x}", crc32(checked)).as_bytes() {
        return None;
    }
    let space = checked.iter().position(|byte| *byte == b' ')?;
    let micros: i64 = std::str::from_utf8(&checked[..space]).ok()?.parse().ok()?;
    Some((Micros::new(micros)?, line.slice(CHECKSUM_CHARS + 1 + space + 1..)))
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(encode(&mut out, Micros::saturating(1_785_000_000_000_000), json.as_bytes()));
        out
    }

    #[test]
    fn a_record_comes_back_and_every_flipped_bit_is_noticed() {
        let bytes = line(r#"{"a":"ü"}"#);
        let read = |bytes: &[u8]| decode(&Bytes::copy_from_slice(&bytes[..bytes.len() - 1]));
        let (time, json) = read(&bytes).expect("intact");
        assert_eq!((time.get(), &json[..]), (1_785_000_000_000_000, r#"{"a":"ü"}"#.as_bytes()));
        for at in 0..(bytes.len() - 1) * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert!(read(&flipped).is_none(), "bit {at}");
        }
        for end in 0..bytes.len() - 1 {
            assert!(decode(&Bytes::copy_from_slice(&bytes[..end])).is_none(), "{end} bytes");
        }
    }

    #[test]
    fn a_line_break_is_not_taken() {
        let mut out = Vec::new();
        assert!(!encode(&mut out, Micros::saturating(0), b"{\n}"));
        assert!(out.is_empty());
    }
}
