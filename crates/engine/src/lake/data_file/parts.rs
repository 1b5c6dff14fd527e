//! Where the parts of a data file are, and what they must sum up to. Kept in Delta's log as a tag of the file.

use std::collections::HashMap;
use std::ops::Range;

use super::Kind;

/// The tag's name. Its value is never read by others.
const TAG: &str = "annals.parts";
/// The tag of files that are [`Kind::Packed`]. Only merges ask for it, so nothing is wrong with a file that has lost it.
const PACKED: &str = "annals.packed";
/// A value that begins otherwise is of a later version.
const FORM: &str = "1";

/// `directory_at <= checksums_at <= footer_at < bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Also where the row groups end.
    pub directory_at: u64,
    pub checksums_at: u64,
    /// Page indexes and footer: the rest of the file.
    pub footer_at: u64,
    pub directory_crc: u32,
    pub checksums_crc: u32,
    pub footer_crc: u32,
}

/// Tags of a new file.
pub fn tags(parts: &Parts, kind: Kind) -> HashMap<String, Option<String>> {
    let mut tags = parts.tags();
    if kind == Kind::Packed {
        tags.insert(PACKED.to_owned(), Some(String::new()));
    }
    tags
}

pub fn is_packed(tags: Option<&HashMap<String, Option<String>>>) -> bool {
    tags.is_some_and(|tags| tags.contains_key(PACKED))
}

impl Parts {
    pub fn directory(&self) -> Range<u64> {
        self.directory_at..self.checksums_at
    }

    pub fn tags(&self) -> HashMap<String, Option<String>> {
        let Self { directory_at, checksums_at, footer_at, directory_crc, checksums_crc, footer_crc } = self;
        let value =
            format!("{FORM} {directory_at} {directory_crc:08x} {checksums_at} {checksums_crc:08x} {footer_at} {footer_crc:08x}");
        HashMap::from([(TAG.to_owned(), Some(value))])
    }

    /// `None` of an older file, which has no tag.
    ///
    /// # Errors
    /// The tag says nothing that can be true of a file of so many bytes.
    pub fn of_tags(tags: Option<&HashMap<String, Option<String>>>, bytes: u64) -> Result<Option<Self>, String> {
        let Some(value) = tags.and_then(|tags| tags.get(TAG)).and_then(Option::as_deref) else { return Ok(None) };
        let parts = Self::read(value).filter(|parts| {
            parts.directory_at <= parts.checksums_at && parts.checksums_at <= parts.footer_at && parts.footer_at < bytes
        });
        parts.map(Some).ok_or_else(|| format!("its tag {TAG} is not one of ours: {value:?}"))
    }

    fn read(value: &str) -> Option<Self> {
        let fields: Vec<&str> = value.split(' ').collect();
        let [FORM, directory_at, directory_crc, checksums_at, checksums_crc, footer_at, footer_crc] = fields[..] else {
            return None;
        };
        let crc = |text| u32::from_str_radix(text, 16).ok();
        Some(Self {
            directory_at: directory_at.parse().ok()?,
            checksums_at: checksums_at.parse().ok()?,
            footer_at: footer_at.parse().ok()?,
            directory_crc: crc(directory_crc)?,
            checksums_crc: crc(checksums_crc)?,
            footer_crc: crc(footer_crc)?,
        })
    }
}
