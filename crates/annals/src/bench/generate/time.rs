//! Times as nanoseconds since 1970, and how each client library writes them. Knows no time zones but UTC and one fixed offset.

use std::fmt::Write;

pub const SECOND: u64 = 1_000_000_000;
pub const DAY: u64 = 24 * 60 * 60 * SECOND;

/// How `occurred_at` leaves an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// `2026-01-05T09:12:33.435Z`: Node, Python with a zone
    Milliseconds,
    /// `2026-01-05T09:12:33.12345678Z`: Go, up to nine digits without the zeros at the end
    Nanoseconds,
    /// `2026-01-05T04:12:33.12345678-05:00`: Go on a server with a local zone
    NanosecondsWithOffset,
    /// `2026-01-05T09:12:33.435`: Python without a zone, which means UTC
    MillisecondsWithoutZone,
    /// `2026-01-05T09:12:33.4351234+00:00`: .NET
    Ticks,
}

impl TimeForm {
    pub fn write(self, nanoseconds: u64) -> String {
        const OFFSET: u64 = 5 * 60 * 60 * SECOND;
        let fraction = nanoseconds % SECOND;
        let mut text = String::with_capacity(36);
        match self {
            TimeForm::Milliseconds => write_fraction(&mut text, nanoseconds, fraction / 1_000_000, 3),
            TimeForm::MillisecondsWithoutZone => write_fraction(&mut text, nanoseconds, fraction / 1_000_000, 3),
            TimeForm::Ticks => write_fraction(&mut text, nanoseconds, fraction / 100, 7),
            TimeForm::Nanoseconds => write_trimmed(&mut text, nanoseconds, fraction),
            TimeForm::NanosecondsWithOffset => write_trimmed(&mut text, nanoseconds - OFFSET, fraction),
        }
        text.push_str(match self {
            TimeForm::Milliseconds | TimeForm::Nanoseconds => "Z",
            TimeForm::MillisecondsWithoutZone => "",
            TimeForm::NanosecondsWithOffset => "-05:00",
            TimeForm::Ticks => "+00:00",
        });
        text
    }
}

fn write_trimmed(text: &mut String, nanoseconds: u64, fraction: u64) {
    write_fraction(text, nanoseconds, fraction, 9);
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.pop();
    }
}

fn write_fraction(text: &mut String, nanoseconds: u64, fraction: u64, digits: usize) {
    let (year, month, day) = date_of(nanoseconds / DAY);
    let seconds = nanoseconds % DAY / SECOND;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    // Writing to a String cannot fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}");
}

/// Midnight of a day `YYYY-MM-DD`, from 1971 on, so that events may be late.
pub fn parse_day(text: &str) -> Result<u64, String> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (Some(Some(year)), Some(Some(month)), Some(Some(day))) = (parts.next(), parts.next(), parts.next()) else {
        return Err("write a day as YYYY-MM-DD".into());
    };
    let days = days_since_1970(year, month, day);
    match days {
        Some(days) if (1971..=2199).contains(&year) && date_of(days) == (year, month, day) => Ok(days * DAY),
        _ => Err("there is no such day between 1971 and 2199".into()),
    }
}

/// The usual arithmetic on years that begin in March, so that the leap day is the last one.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year).checked_sub(719_468)
}

fn date_of(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_writes_its_own_form() {
        let time = parse_day("2024-02-29").unwrap() + 3 * 3_600 * SECOND + 7 * SECOND;
        for (form, fraction, text) in [
            (TimeForm::Milliseconds, 45_678_900, "2024-02-29T03:00:07.045Z"),
            (TimeForm::MillisecondsWithoutZone, 0, "2024-02-29T03:00:07.000"),
            (TimeForm::Ticks, 45_678_900, "2024-02-29T03:00:07.0456789+00:00"),
            (TimeForm::Nanoseconds, 45_678_900, "2024-02-29T03:00:07.0456789Z"),
            (TimeForm::Nanoseconds, 0, "2024-02-29T03:00:07Z"),
            (TimeForm::NanosecondsWithOffset, 1, "2024-02-28T22:00:07.000000001-05:00"),
        ] {
            assert_eq!(form.write(time + fraction), text);
        }
    }

    #[test]
    fn every_day_goes_there_and_back() {
        for days in (366..84_000).step_by(7).chain(10_950..11_100) {
            let (year, month, day) = date_of(days);
            assert_eq!(parse_day(&format!("{year:04}-{month:02}-{day:02}")), Ok(days * DAY));
        }
    }

    #[test]
    fn days_that_are_none_are_refused() {
        for text in ["", "2026", "2026-13-01", "2026-02-29", "2026-00-10", "2026-01-00", "1970-12-31", "0000-01-01", "x-y-z"] {
            assert!(parse_day(text).is_err(), "{text}");
        }
    }
}
