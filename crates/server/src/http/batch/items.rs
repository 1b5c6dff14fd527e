//! The text of a batch as items. A broken item is refused alone; only a text that cannot be taken apart is refused as a whole.

use std::fmt;

use annals_core::event::{BatchItem, Rejected};
use annals_core::json::JsonError;
use annals_core::limits::{BODY_BYTES_MAX, GROUP_RECORDS_MAX};
use annals_core::wire::RefusedItem;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::http::problem::Problem;

type Items = Vec<Result<BatchItem, RefusedItem>>;

/// One JSON array.
pub fn of_array(text: &[u8]) -> Result<Items, Problem> {
    let elements: Elements<'_> = serde_json::from_slice(text).map_err(JsonError::from)?;
    if elements.too_many {
        return Err(Problem::too_many_items());
    }
    let item = |(index, element): (usize, &RawValue)| parse(element.get().as_bytes(), format_args!("item {index}"));
    Ok(elements.items.into_iter().enumerate().map(item).collect())
}

/// One JSON value on each line that is not empty.
pub fn of_lines(text: &[u8]) -> Result<Items, Problem> {
    let mut items = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if items.len() == GROUP_RECORDS_MAX {
            return Err(Problem::too_many_items());
        }
        let number: u32 = number;
        items.push(parse(line, format_args!("line {number}")));
    }
    Ok(items)
}

/// Parsed JSON takes many times the room of its text, so an item may be as long as the body of a request for it alone.
fn parse(text: &[u8], place: fmt::Arguments<'_>) -> Result<BatchItem, RefusedItem> {
    if text.len() > BODY_BYTES_MAX {
        return Err(Problem::too_large().into_item());
    }
    BatchItem::parse(text).map_err(|rejected| refused(rejected, place))
}

/// A wrong field is named; of what is not JSON only the place can be told.
fn refused(rejected: Rejected, place: fmt::Arguments<'_>) -> RefusedItem {
    let malformed = matches!(rejected, Rejected::Malformed(_));
    let mut item = Problem::from(rejected).into_item();
    if malformed {
        // The reader counts lines inside the item.
        item.message = format!("{place}: {}", item.message.replace(" at line 1 column ", " at column "));
    }
    item
}

/// The texts of an array's elements, not yet read.
#[derive(Default)]
struct Elements<'a> {
    items: Vec<&'a RawValue>,
    too_many: bool,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Self, A::Error> {
        while self.items.len() < GROUP_RECORDS_MAX {
            match elements.next_element()? {
                Some(item) => self.items.push(item),
                None => return Ok(self),
            }
        }
        // Read to the end without keeping anything: an empty element may be one of millions.
        while elements.next_element::<IgnoredAny>()?.is_some() {
            self.too_many = true;
        }
        Ok(self)
    }
}
