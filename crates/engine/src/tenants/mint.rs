//! Makes ids. Those of one process rise in the order in which they were made, so that lists by id are lists by creation.

use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::random::random;
use crate::store::StoreError;

/// The low 80 bits of an id, without the highest: counting up from there cannot overflow.
const RANDOM_BITS: u128 = (1 << 79) - 1;

pub(super) struct Mint {
    clock: Arc<dyn Clock>,
    last: Mutex<(u64, u128)>,
}

impl Mint {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::new((0, 0)) }
    }

    /// For `from_parts` of a typed id.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn id<I>(&self, from_parts: fn(u64, u128) -> I) -> Result<I, StoreError> {
        let drawn = u128::from_be_bytes(random()?) & RANDOM_BITS;
        let now = self.clock.now().id_millis();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Within a millisecond, and when the clock was set back, ids count up.
        *last = if now > last.0 { (now, drawn) } else { (last.0, last.1 + 1) };
        Ok(from_parts(last.0, last.1))
    }
}
