//! Compressed bodies. Whatever they claim to hold, no more than [`GROUP_BODY_BYTES_MAX`] is ever unpacked.

use std::io::{self, Read};

use annals_core::limits::GROUP_BODY_BYTES_MAX;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::http::problem::Problem;

/// Memory that a zstd frame may ask for, as a power of two: that of the largest body that we unpack.
const ZSTD_WINDOW_LOG_MAX: u32 = GROUP_BODY_BYTES_MAX.ilog2();
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// One encoding at most: nobody needs two, and each multiplies what a small body can unpack to.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut encodings = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| Problem::unsupported_encoding())?.to_ascii_lowercase();
            encodings.extend(
                value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty() && name != "identity"),
            );
        }
        match encodings.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Identity),
            ["gzip" | "x-gzip"] => Ok(Self::Gzip),
            ["zstd"] => Ok(Self::Zstd),
            _ => Err(Problem::unsupported_encoding()),
        }
    }
}

pub fn decode(sent: Bytes, encoding: Encoding) -> Result<Bytes, Problem> {
    let unpacked = match encoding {
        Encoding::Identity => return Ok(sent),
        Encoding::Gzip => unpack(MultiGzDecoder::new(&*sent)),
        Encoding::Zstd => zstd(&sent),
    };
    match unpacked {
        Ok(Some(unpacked)) => Ok(unpacked.into()),
        Ok(None) => Err(Problem::too_large()),
        Err(error) => Err(Problem::not_unpacked(error)),
    }
}

fn zstd(sent: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(sent)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    unpack(decoder)
}

/// `None` when there is more than the largest body.
fn unpack(mut packed: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut unpacked = Vec::new();
    loop {
        match packed.read(&mut chunk)? {
            0 => return Ok(Some(unpacked)),
            read if unpacked.len() + read > GROUP_BODY_BYTES_MAX => return Ok(None),
            read => unpacked.extend_from_slice(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use axum::response::IntoResponse;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn check(sent: &[u8], encoding: Encoding, expected: Result<usize, u16>) {
        let decoded = decode(Bytes::copy_from_slice(sent), encoding);
        let decoded = decoded.map(|text| text.len()).map_err(|problem| problem.into_response().status().as_u16());
        assert_eq!(decoded, expected, "{encoding:?}, {} bytes", sent.len());
    }

    #[test]
    fn the_largest_body_is_unpacked_and_one_byte_more_is_not() {
        let text = vec![b' '; GROUP_BODY_BYTES_MAX + 1];
        for (length, expected) in
            [(0, Ok(0)), (5, Ok(5)), (GROUP_BODY_BYTES_MAX, Ok(GROUP_BODY_BYTES_MAX)), (GROUP_BODY_BYTES_MAX + 1, Err(413))]
        {
            check(&gzip(&text[..length]), Encoding::Gzip, expected);
            check(&zstd::bulk::compress(&text[..length], 3).unwrap(), Encoding::Zstd, expected);
        }
    }

    #[test]
    fn what_is_torn_or_not_packed_at_all_is_refused() {
        let text: Vec<u8> = (0..5000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let (gzip, zstd) = (gzip(&text), zstd::bulk::compress(&text, 3).unwrap());
        for (packed, encoding) in [(&gzip, Encoding::Gzip), (&zstd, Encoding::Zstd)] {
            check(packed, encoding, Ok(text.len()));
            for length in [0, 1, 10, packed.len() / 2, packed.len() - 1] {
                check(&packed[..length], encoding, Err(400));
            }
            check(b"[{\"organization_id\":\"org\"}]", encoding, Err(400));
            let mut trailing = packed.clone();
            trailing.extend_from_slice(b"more");
            check(&trailing, encoding, Err(400));
        }
        let mut damaged = gzip;
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        check(&damaged, Encoding::Gzip, Err(400));
    }

    /// A frame of a few bytes that asks for 2 GiB of window.
    #[test]
    fn a_frame_does_not_choose_our_memory() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(b"[]").unwrap();
        check(&encoder.finish().unwrap(), Encoding::Zstd, Err(400));
    }

    #[test]
    fn encodings_are_read_from_the_header() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
            }
            Encoding::of(&headers).map_err(|problem| problem.into_response().status().as_u16())
        };
        for (values, expected) in [
            (&[][..], Ok(Encoding::Identity)),
            (&[""], Ok(Encoding::Identity)),
            (&["identity"], Ok(Encoding::Identity)),
            (&["GZIP"], Ok(Encoding::Gzip)),
            (&["x-gzip"], Ok(Encoding::Gzip)),
            (&["zstd"], Ok(Encoding::Zstd)),
            (&["identity, zstd"], Ok(Encoding::Zstd)),
            (&["br"], Err(415)),
            (&["deflate"], Err(415)),
            (&["gzip, gzip"], Err(415)),
            (&["gzip", "zstd"], Err(415)),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }
}
