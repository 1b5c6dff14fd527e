//! Cursors of `GET /v1/audit_logs`: a place in the log, bound to the filters, the order and the caller that it was made for.
//!
//! A cursor is no secret and gives no right: it only says where a page begins. Whoever makes one up skips entries of their own list.

use annals_core::ids::ApiRequestId;
use annals_core::time::Micros;
use annals_engine::api_requests::{Place, Side};

use crate::http::list_digest::ListDigest;

/// The text: list, time, status, id and side, in hexadecimal digits.
const LENGTHS: [usize; 5] = [16, 16, 4, 32, 1];

pub fn print(list: ListDigest, side: Side, place: &Place) -> String {
    let (ListDigest(list), time, id) = (list, place.created_at.get(), u128::from_be_bytes(place.id.to_bytes()));
    let side = u8::from(side == Side::Before);
    format!("{list:016x}{time:016x}{:04x}{id:032x}{side:x}", place.status_code)
}

/// `None`: not made for this list.
pub fn read(list: ListDigest, text: &str) -> Option<(Side, Place)> {
    let well_formed = text.len() == LENGTHS.iter().sum::<usize>() && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !well_formed {
        return None;
    }
    let mut rest = text;
    let [of, time, status, id, side] = LENGTHS.map(|length| {
        let (part, after) = rest.split_at(length);
        rest = after;
        u128::from_str_radix(part, 16).unwrap_or_default()
    });
    if of != u128::from(list.0) {
        return None;
    }
    let created_at = Micros::new((time as u64).cast_signed())?;
    let side = if side == 0 { Side::After } else { Side::Before };
    Some((side, Place { created_at, status_code: status as u16, id: ApiRequestId::from_bytes(id.to_be_bytes()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_back_its_place_in_its_own_list_only() {
        let list = ListDigest(0xfedc_ba98_7654_3210);
        for (side, micros, status_code) in [(Side::After, -5, 100), (Side::Before, 1_800_000_000_123_456, 599)] {
            let place = Place {
                created_at: Micros::saturating(micros),
                status_code,
                id: ApiRequestId::from_parts(1_800_000_000_000, 42),
            };
            let text = print(list, side, &place);
            assert_eq!(read(list, &text), Some((side, place)), "{text}");
            assert_eq!(read(ListDigest(1), &text), None);
            assert_eq!(read(list, &text[1..]), None);
            assert_eq!(read(list, &format!("{text}0")), None);
        }
    }

    #[test]
    fn made_up_cursors_are_no_places() {
        let none = "0".repeat(16);
        for text in ["", "x", "\u{e9}", &"g".repeat(69), &"+".repeat(69), &format!("{none}{}", "f".repeat(53))] {
            let place = read(ListDigest(0), text).map(|(_, place)| place.created_at);
            assert!(place.is_none_or(|at| Micros::new(at.get()) == Some(at)), "{text}");
        }
        assert_eq!(read(ListDigest(0), &format!("{none}7{}", "f".repeat(52))), None, "a time beyond the calendar");
    }
}
