//! How events are counted over time: the words of `GET /v1/audit_log_events/stats` and the calendar behind them.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Micros;

/// How long one bucket is. Buckets begin at whole minutes, hours and days of UTC, weeks on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    Minute,
    Hour,
    #[default]
    Day,
    Week,
    Month,
}

/// Which of an event's two times counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedTime {
    #[default]
    OccurredAt,
    ReceivedAt,
}

/// What events are counted by, beside time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    Action,
    /// By the actor's id.
    Actor,
    Organization,
}

/// Declares the texts of an enum once more, for parameters of a query.
macro_rules! from_text {
    ($name:ident { $($text:literal => $variant:ident),+ }) => {
        impl $name {
            /// Every text that is one, for messages.
            pub const TEXTS: &[&str] = &[$($text),+];

            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
from_text!(Interval { "minute" => Minute, "hour" => Hour, "day" => Day, "week" => Week, "month" => Month });
from_text!(CountedTime { "occurred_at" => OccurredAt, "received_at" => ReceivedAt });
from_text!(GroupBy { "action" => Action, "actor" => Actor, "organization" => Organization });

const MINUTE: i64 = 60 * 1_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Interval {
    /// The beginning of the bucket that holds `time`.
    #[must_use]
    pub fn start(self, time: Micros) -> Micros {
        let micros = time.get();
        let start = match self {
            Self::Minute => micros - micros.rem_euclid(MINUTE),
            Self::Hour => micros - micros.rem_euclid(HOUR),
            Self::Day => micros - micros.rem_euclid(DAY),
            // The epoch was a Thursday, three days after a Monday.
            Self::Week => micros - (micros + 3 * DAY).rem_euclid(7 * DAY),
            Self::Month => month(micros),
        };
        Micros::saturating(start)
    }
}

fn month(micros: i64) -> i64 {
    // In range by the invariant of `Micros`.
    let day = EPOCH.saturating_add(SignedDuration::from_secs(micros.div_euclid(1_000_000))).date();
    let first = date(day.year(), day.month(), 1);
    first.to_datetime(jiff::civil::Time::midnight()).duration_since(EPOCH).as_secs() * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interval: Interval, time: &str, start: &str) {
        let time: Micros = time.parse().expect("a time");
        assert_eq!(interval.start(time).canonical(), format!("{start}:00.000000Z"), "{interval:?} of {time}");
    }

    #[test]
    fn buckets_begin_where_the_calendar_says() {
        for (time, [minute, hour, day, week, month]) in [
            (
                "2026-07-23T10:11:12.5Z",
                ["2026-07-23T10:11", "2026-07-23T10:00", "2026-07-23T00:00", "2026-07-20T00:00", "2026-07-01T00:00"],
            ),
            (
                "2024-02-29T23:59:59Z",
                ["2024-02-29T23:59", "2024-02-29T23:00", "2024-02-29T00:00", "2024-02-26T00:00", "2024-02-01T00:00"],
            ),
            (
                "1969-12-31T23:59:59Z",
                ["1969-12-31T23:59", "1969-12-31T23:00", "1969-12-31T00:00", "1969-12-29T00:00", "1969-12-01T00:00"],
            ),
            ("2026-06-01T00:00:00Z", ["2026-06-01T00:00"; 5]),
            // A Saturday: the Monday before it has no year of four digits.
            ("0000-01-01T00:00:00Z", ["0000-01-01T00:00"; 5]),
        ] {
            for (interval, start) in [
                (Interval::Minute, minute),
                (Interval::Hour, hour),
                (Interval::Day, day),
                (Interval::Week, week),
                (Interval::Month, month),
            ] {
                check(interval, time, start);
            }
        }
    }

    #[test]
    fn texts_are_those_of_the_wire() {
        for text in Interval::TEXTS {
            let interval = Interval::from_text(text).expect("listed");
            assert_eq!(serde_json::to_value(interval).expect("a text"), *text);
        }
        assert_eq!(serde_json::to_value(CountedTime::OccurredAt).expect("a text"), "occurred_at");
        assert_eq!(CountedTime::from_text("received_at"), Some(CountedTime::ReceivedAt));
        assert_eq!(GroupBy::from_text("Action"), None);
    }
}
