//! Pages of audit events. A cursor is a place in the log, bound to the filters, the order and the owner that it was made for. It is
//! no secret and gives no right: whoever makes one up skips events of their own list.

use annals_core::ids::AuditEventId;
use annals_core::limits::{EVENTS_PAGE_DEFAULT, EVENTS_PAGE_MAX};
use annals_core::wire::Cursors;
use annals_engine::{ListQuery, Order};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::list_digest::ListDigest;
use crate::http::problem::Problem;
use crate::http::query::Parameters;

/// `limit`, `order`, and the cursors as they were sent.
pub struct PageParameters {
    pub order: Order,
    limit: u32,
    before: Option<String>,
    after: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parameters = Parameters::of(parts);
        let order = match parameters.get("order") {
            None | Some("desc") => Order::Desc,
            Some("asc") => Order::Asc,
            Some(_) => return Err(Problem::wrong_parameter("order", "must be one of desc, asc")),
        };
        let limit = parameters.integer("limit", EVENTS_PAGE_MAX)?.unwrap_or(EVENTS_PAGE_DEFAULT);
        let cursor = |name| parameters.get(name).map(str::to_owned);
        Ok(Self { order, limit, before: cursor("before"), after: cursor("after") })
    }
}

impl PageParameters {
    /// # Errors
    /// A cursor is not one of this list.
    pub fn query(&self, list: ListDigest) -> Result<ListQuery<AuditEventId>, Problem> {
        let cursor = |text: &Option<String>| text.as_deref().map(|text| list.read(text)).transpose();
        Ok(ListQuery { limit: self.limit, order: self.order, before: cursor(&self.before)?, after: cursor(&self.after)? })
    }
}

/// The cursors of this list.
impl ListDigest {
    pub fn cursors(self, before: Option<AuditEventId>, after: Option<AuditEventId>) -> Cursors {
        Cursors { before: before.map(|id| self.print(id)), after: after.map(|id| self.print(id)) }
    }

    /// List and id, in hexadecimal digits.
    fn print(self, id: AuditEventId) -> String {
        format!("{:016x}{:032x}", self.0, u128::from_be_bytes(id.to_bytes()))
    }

    fn read(self, text: &str) -> Result<AuditEventId, Problem> {
        let id =
            text.get(16..).and_then(|id| u128::from_str_radix(id, 16).ok()).map(|id| AuditEventId::from_bytes(id.to_be_bytes()));
        // Printing it again refuses every other text for the same id.
        id.filter(|id| self.print(*id) == text).ok_or_else(Problem::invalid_cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_back_its_event_in_its_own_list_only() {
        let (list, id) = (ListDigest(0xfedc_ba98_7654_3210), AuditEventId::from_parts(1_784_801_472_000, 42));
        let text = list.print(id);
        assert_eq!(list.read(&text).ok(), Some(id));
        assert!(ListDigest(1).read(&text).is_err());
        for wrong in [
            "",
            "x",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
            &text[1..],
            &format!("{text}0"),
            &text.to_uppercase(),
            &id.to_string(),
        ] {
            assert!(list.read(wrong).is_err(), "{wrong:?}");
        }
        assert!(list.read(&format!("{:016x}+{:031x}", 0xfedc_ba98_7654_3210_u64, 5)).is_err());
    }
}
