//! Dates with times (RFC 3339 §5.6, RFC 1123), checked and kept as text: no machine has a clock to compare with.

use super::octet::decimal;

/// Whether this is a date with time and zone of RFC 3339, such as `2001-02-01T12:16:49-05:00`.
pub(super) fn is_date_time(text: &str) -> bool {
    after_time(text).is_some_and(is_zone)
}

/// Whether this is a `dateTime` of XML Schema, which may be without zone.
pub(super) fn is_xml_date_time(text: &str) -> bool {
    after_time(text).is_some_and(|zone| zone.is_empty() || is_zone(zone))
}

/// A date of RFC 1123 in GMT, such as `Mon, 24 Jun 2002 09:00:00 GMT`, in seconds since the beginning of 1970.
/// The name of the day counts for nothing, and the month may be written out. `None` before 1970.
pub(super) fn http_seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let mut words = text.split_once(',')?.1.split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    let is_month = |name: &&str| {
        let front = name.get(..month.len()).unwrap_or_default();
        (month.len() == 3 || month.len() == name.len()) && front.eq_ignore_ascii_case(month)
    };
    let month = u64::try_from(MONTHS.iter().position(is_month)? + 1).ok()?;
    let (year, end) = number(year, 4)?;
    let (day, rest) = number(day, day.len().clamp(1, 2))?;
    let (hour, after) = number(time, 2)?;
    let (minute, after) = number(after.strip_prefix(':')?, 2)?;
    let (second, after) = number(after.strip_prefix(':')?, 2)?;
    let is_there = (1..=days(year, u32::try_from(month).ok()?)?).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && year >= 1970
        && matches!(zone, "GMT" | "UTC")
        && [rest, end, after].iter().all(|rest| rest.is_empty())
        && words.next().is_none();
    is_there.then_some(())?;
    // Years begin in March, so that the leap day is the last.
    let (year, month) = match month {
        1 | 2 => (u64::from(year) - 1, month + 9),
        _ => (u64::from(year), month - 3),
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let day = year * 365 + leaps + (month * 153 + 2) / 5 + u64::from(day) - 1;
    // From the first of March of the year 0 to the beginning of 1970.
    let day = day.checked_sub(719_468)?;
    Some(day * 86_400 + u64::from(hour * 3_600 + minute * 60 + second))
}

/// How many days a month has.
fn days(year: u32, month: u32) -> Option<u32> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    })
}

fn after_time(text: &str) -> Option<&str> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let days = days(year, month)?;
    // The sixtieth second is there for leap seconds.
    let is_there = (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    is_there.then_some(())?;
    match rest.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (rest.len() < fraction.len()).then_some(rest)
        }
        None => Some(rest),
    }
}

fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else {
        return matches!(text, "Z" | "z");
    };
    let minutes = number(offset, 2).filter(|(hours, _)| *hours < 24);
    let minutes = minutes.and_then(|(_, rest)| number(rest.strip_prefix(':')?, 2));
    minutes.is_some_and(|(minutes, rest)| minutes < 60 && rest.is_empty())
}

/// The number that so many digits in front are, and the rest.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    Some((decimal(number)?, rest))
}
