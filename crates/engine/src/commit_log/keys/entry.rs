//! One key as the index keeps it: 32 bytes, and the rule for how long it counts. Never sees the key's own text.

/// How long a key is remembered: a retry that arrives later is a new request.
pub const KEY_LIFETIME_SECONDS: u32 = 24 * 60 * 60;

/// The first half of SHA-256 over (environment, method and path, key). The caller makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub [u8; 16]);

impl KeyDigest {
    /// What the filters hold. Sorting by digest also sorts by prefix.
    pub(super) fn prefix(self) -> u64 {
        (u128::from_be_bytes(self.0) >> 64) as u64
    }
}

/// The first twelve bytes of a digest of the request body's canonical form. The caller makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest(pub [u8; 12]);

/// Seconds since 1970, enough until 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

impl Seconds {
    /// A time in the future is not old: the clock may have been set back.
    pub fn is_live(self, now: Seconds) -> bool {
        now.0.saturating_sub(self.0) <= KEY_LIFETIME_SECONDS
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    pub key: KeyDigest,
    pub body: BodyDigest,
    /// When the request was received.
    pub at: Seconds,
}

/// What the index knows about a key. A request that was [`Seen::SameBody`] gets the old answer, and one that was
/// [`Seen::OtherBody`] is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Never,
    SameBody,
    OtherBody,
}

pub(super) const ENTRY_BYTES: usize = 32;

impl KeyEntry {
    pub(super) fn seen_with(&self, body: BodyDigest) -> Seen {
        if self.body == body { Seen::SameBody } else { Seen::OtherBody }
    }

    pub(super) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..16].copy_from_slice(&self.key.0);
        bytes[16..28].copy_from_slice(&self.body.0);
        bytes[28..].copy_from_slice(&self.at.0.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> KeyEntry {
        let (mut key, mut body, mut at) = ([0; 16], [0; 12], [0; 4]);
        key.copy_from_slice(&bytes[..16]);
        body.copy_from_slice(&bytes[16..28]);
        at.copy_from_slice(&bytes[28..]);
        KeyEntry { key: KeyDigest(key), body: BodyDigest(body), at: Seconds(u32::from_le_bytes(at)) }
    }
}
