//! The envelope of every list (wire contract §0.4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

super::constant!(ListTag, "list");

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    #[schema(inline)]
    pub object: ListTag,
    pub data: Vec<T>,
    pub list_metadata: Cursors,
    /// The same again: older clients read this spelling.
    #[serde(rename = "listMetadata")]
    pub list_metadata_again: Cursors,
}

/// Where the neighbouring pages are. `null`, never an empty text, when there is none: clients take `""` for a live cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Cursors {
    #[schema(required)]
    pub before: Option<String>,
    #[schema(required)]
    pub after: Option<String>,
}

impl<T> List<T> {
    #[must_use]
    pub fn new(data: Vec<T>, cursors: Cursors) -> Self {
        Self { object: ListTag::Is, data, list_metadata: cursors.clone(), list_metadata_again: cursors }
    }
}
