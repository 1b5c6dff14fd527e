//! Instants in microseconds of UTC, every form in which clients send them, and the two forms in which they are printed.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
///
/// Invariant: the year is 0000 to 9999, so that every value prints in a fixed width and texts order like values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct Micros(i64);

/// Not a date or time in a form that wire contract §0.2 accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a valid ISO 8601 date string")]
pub struct TimeError;

const YEAR_0000: i64 = -62_167_219_200_000_000;
const YEAR_9999_END: i64 = 253_402_300_799_999_999;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const DAYS_OF_400_YEARS: i64 = 146_097;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Micros {
    /// `None` outside the years 0000 to 9999.
    #[must_use]
    pub fn new(micros: i64) -> Option<Self> {
        (YEAR_0000..=YEAR_9999_END).contains(&micros).then_some(Self(micros))
    }
    /// The nearest representable instant.
    #[must_use]
    pub fn saturating(micros: i64) -> Self {
        Self(micros.clamp(YEAR_0000, YEAR_9999_END))
    }
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
    /// Milliseconds since the epoch, rounded down; 0 before the epoch. For the time part of ids.
    #[must_use]
    pub fn id_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }
    #[must_use]
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        Self::saturating(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
    #[must_use]
    pub fn saturating_sub(self, duration: std::time::Duration) -> Self {
        Self::saturating(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
    /// `2026-07-23T10:11:12.000000Z`, the form of the canonical text.
    #[must_use]
    pub fn canonical(self) -> String {
        self.print(6)
    }
    /// `2026-07-23T10:11:12.000Z`, the form of every answer (wire contract §0.2). Truncates.
    #[must_use]
    pub fn wire(self) -> String {
        self.print(3)
    }

    /// Appends [`Micros::wire`].
    pub fn write_wire(self, out: &mut String) {
        self.write(3, out);
    }

    fn print(self, digits: usize) -> String {
        let mut text = String::with_capacity("2026-07-23T10:11:12.000000Z".len());
        self.write(digits, &mut text);
        text
    }

    /// By hand, because exports print two of these in every row.
    fn write(self, digits: usize, out: &mut String) {
        let (days, micros) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY).unsigned_abs());
        let (year, month, day) = date(days);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (place, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, seconds / 3600),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
            (20, fraction / 10_000),
            (22, fraction / 100 % 100),
            (24, fraction % 100),
        ] {
            text[place] += (number / 10) as u8;
            text[place + 1] += (number % 10) as u8;
        }
        let end = "2026-07-23T10:11:12.".len() + digits;
        text[end] = b'Z';
        out.push_str(std::str::from_utf8(&text[..=end]).expect("digits are text"));
    }
}

/// Year, month and day of a day since 1970, not before the year 0000. Years begin in March here, so that the leap day is their last.
fn date(days: i64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: i64 = 719_468;
    // In range by the invariant of the type: its first day is the 306th of the March year before, 400 years are the same again.
    let days = (days + DAYS_BEFORE_1970 + DAYS_OF_400_YEARS).unsigned_abs();
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS.unsigned_abs(), days % DAYS_OF_400_YEARS.unsigned_abs());
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2) - 400, month, day)
}

impl std::str::FromStr for Micros {
    type Err = TimeError;

    /// A date, or a date and a time with 0 to 9 fractional digits, with `Z`, a numeric offset or none (then UTC).
    /// Truncates to microseconds.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        static PARSER: DateTimeParser = DateTimeParser::new();
        // The parser knows more than ISO 8601 in its strict sense: weekdays, zones in brackets, signs of years.
        let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b'+' | b'T' | b't' | b'Z' | b'z' | b' ');
        if !text.bytes().all(plain) || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(TimeError);
        }
        let pieces = PARSER.parse_pieces(text).map_err(|_| TimeError)?;
        let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
        let time = pieces.date().to_datetime(pieces.time().unwrap_or(jiff::civil::Time::midnight()));
        // Calendar arithmetic: the library's instants end a day before the year 9999 does.
        let local = time.duration_since(EPOCH).as_nanos().div_euclid(1000);
        let micros = local - i128::from(offset.seconds()) * 1_000_000;
        Self::new(i64::try_from(micros).map_err(|_| TimeError)?).ok_or(TimeError)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, canonical: &str) {
        let time: Micros = text.parse().unwrap_or_else(|_| panic!("{text} must parse"));
        assert_eq!(time.canonical(), canonical, "{text}");
    }

    #[test]
    fn every_form_that_clients_send_is_read() {
        check("2022-09-08T19:46:03.435Z", "2022-09-08T19:46:03.435000Z");
        check("2023-01-02T15:04:05.123456789-05:00", "2023-01-02T20:04:05.123456Z");
        check("2023-01-02T15:04:05-05:00", "2023-01-02T20:04:05.000000Z");
        check("2023-01-02T15:04:05.123", "2023-01-02T15:04:05.123000Z");
        check("2023-01-02T15:04:05", "2023-01-02T15:04:05.000000Z");
        check("2023-01-02T15:04:05.1234567+00:00", "2023-01-02T15:04:05.123456Z");
        check("2023-01-02", "2023-01-02T00:00:00.000000Z");
        check("2023-01-02T15:04:05.1Z", "2023-01-02T15:04:05.100000Z");
        check("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z");
        check("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z");
        check("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z");
        check("9999-12-31", "9999-12-31T00:00:00.000000Z");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "now",
            "1673449445",
            "2023-13-01",
            "2023-02-30T00:00:00Z",
            "2023-01-02T25:00:00Z",
            "-002023-01-02",
            "2023-01-02T15:04:05Z[UTC]",
            "2023-01-02T15:04:05.1234567890Z",
            "12023-01-02",
            "2023-01-02T15:04:05+99:00",
            "9999-12-31T23:00:00-05:00",
            "0000-01-01T00:00:00+05:00",
            "2023-01-02T",
            "\u{0662}023-01-02",
        ] {
            assert!(text.parse::<Micros>().is_err(), "{text:?} must not parse");
        }
    }

    #[test]
    fn both_prints_have_fixed_width() {
        let time = Micros::new(-1).expect("in range");
        assert_eq!(time.wire(), "1969-12-31T23:59:59.999Z");
        assert_eq!(time.canonical(), "1969-12-31T23:59:59.999999Z");
    }

    proptest::proptest! {
        #[test]
        fn every_instant_prints_as_the_calendar_has_it(micros in YEAR_0000..=YEAR_9999_END) {
            let time = EPOCH.saturating_add(jiff::SignedDuration::from_secs(micros.div_euclid(1_000_000)));
            let fraction = micros.rem_euclid(1_000_000);
            proptest::prop_assert_eq!(Micros(micros).canonical(), format!("{time}.{fraction:06}Z"));
            proptest::prop_assert_eq!(Micros(micros).wire(), format!("{time}.{:03}Z", fraction / 1000));
        }
    }

    #[test]
    fn both_ends_print() {
        check("0000-02-29T00:00:00Z", "0000-02-29T00:00:00.000000Z");
        check("2000-02-29T23:59:59.5Z", "2000-02-29T23:59:59.500000Z");
        check("1900-03-01", "1900-03-01T00:00:00.000000Z");
    }
}
