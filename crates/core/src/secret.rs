//! API keys as secrets: a plain key can be made and shown once, a digest can be stored and compared; neither prints itself.

use std::fmt;

use sha2::{Digest, Sha256};

/// A plain API key. Not stored anywhere; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret(String);

/// SHA-256 of a plain key. Keys carry 190 random bits, so a plain hash cannot be reversed by guessing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyDigest(pub [u8; 32]);

/// Lengths of keys that are accepted, whoever made them.
const KEY_BYTES_MIN: usize = 8;
const KEY_BYTES_MAX: usize = 256;

impl ApiKeySecret {
    /// `sk_` and 32 letters and digits, from random bytes that the caller drew.
    #[must_use]
    pub fn from_random(random: [u8; 32]) -> Self {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut key = String::from("sk_");
        // 256 is not a multiple of 62: the first 8 letters are 1/64 likelier, which costs less than one bit in all.
        key.extend(random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])));
        Self(key)
    }

    /// A key that somebody sent or configured. `None` when it is too short to be a secret, too long or not printable ASCII.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        (printable && (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn digest(&self) -> ApiKeyDigest {
        ApiKeyDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// `sk_...3456` (wire contract §9).
    #[must_use]
    pub fn obfuscated(&self) -> String {
        let prefix = if self.0.starts_with("sk_") { "sk_" } else { "" };
        format!("{prefix}...{}", &self.0[self.0.len() - 4..])
    }

    /// The key itself, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(hidden)")
    }
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_only_its_end() {
        let key = ApiKeySecret::from_random([7; 32]);
        assert_eq!(key.expose().len(), 35);
        assert_eq!(key.obfuscated(), "sk_...HHHH");
        assert_eq!(format!("{key:?}"), "ApiKeySecret(hidden)");
        assert!(ApiKeySecret::from_text("short").is_none() && ApiKeySecret::from_text("with a space in it").is_none());
    }
}
