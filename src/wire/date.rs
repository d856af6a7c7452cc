//! Dates with times (RFC 3339 §5.6), checked and kept as text: no machine has a clock to compare with.

/// Whether this is a date with time and zone of RFC 3339, such as `2001-02-01T12:16:49-05:00`.
pub(super) fn is_date_time(text: &str) -> bool {
    after_time(text).is_some_and(is_zone)
}

/// Whether this is a `dateTime` of XML Schema, which may be without zone.
pub(super) fn is_xml_date_time(text: &str) -> bool {
    after_time(text).is_some_and(|zone| zone.is_empty() || is_zone(zone))
}

fn after_time(text: &str) -> Option<&str> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
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
    let all_digits = number.bytes().all(|octet| octet.is_ascii_digit());
    all_digits.then(|| Some((number.parse().ok()?, rest)))?
}
