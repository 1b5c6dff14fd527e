//! Random bytes from the operating system.

use crate::store::StoreError;

/// # Errors
/// The operating system gives none, which a caller can only meet by trying later.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(bytes)
}
