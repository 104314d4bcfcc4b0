//! Numbers as people read them: with a unit, three significant digits, thousands separated. The same in the terminal, the
//! summary and the HTML report.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

/// What stands where a number is not known.
pub const UNKNOWN: &str = "–";

/// A whole number: `10,000`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number and its noun: `1 connection`, `10,000 connections`, `2 deliveries`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    match noun.strip_suffix("ry") {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{} {stem}ries", count(number)),
        None => format!("{} {noun}s", count(number)),
    }
}

/// Three significant digits, thousands separated: `0.0123`, `4.56`, `789`, `1,234`.
#[must_use]
pub fn figure(number: f64) -> String {
    if !number.is_finite() {
        return UNKNOWN.to_owned();
    }
    let size = number.abs();
    if size >= 999.5 {
        return format!("{}{}", if number < 0.0 { "-" } else { "" }, count(size.round() as u64));
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    // The power of ten of the number once it is rounded: 9.996 shows as 10.0, not as 10.00.
    let exponent = (size * (1.0 + 0.5e-2 * 0.1)).log10().floor() as i32;
    format!("{number:.*}", (2 - exponent).clamp(0, 9) as usize)
}

/// A rate with its unit: `950 msg/s`, `12.4 k msg/s`, `1.20 M msg/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    format!("{} msg/s", short(per_second))
}

/// A number with `k` or `M`: `950`, `12.4 k`, `1.20 M`.
#[must_use]
pub fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 999_500_000.0 => format!("{} G", figure(number / 1e9)),
        size if size >= 999_500.0 => format!("{} M", figure(number / 1e6)),
        size if size >= 9_999.5 => format!("{} k", figure(number / 1e3)),
        _ => figure(number),
    }
}

/// A time: `512 ns`, `18.3 µs`, `1.80 ms`, `3.20 s`, `2 min 5 s`, `1 h 5 min`.
#[must_use]
pub fn time(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    match nanos {
        0.0 => "0 s".to_owned(),
        _ if nanos < 999.5 => format!("{} ns", figure(nanos)),
        _ if nanos < 999.5e3 => format!("{} µs", figure(nanos / 1e3)),
        _ if nanos < 999.5e6 => format!("{} ms", figure(nanos / 1e6)),
        _ if nanos < 99.95e9 => format!("{} s", figure(nanos / 1e9)),
        _ => long(time),
    }
}

/// A time given in seconds; what is no time is [`UNKNOWN`].
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!("-{}", self::seconds(-seconds));
    }
    Duration::try_from_secs_f64(seconds).map_or_else(|_| UNKNOWN.to_owned(), time)
}

/// Bytes: `512 B`, `3.20 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", figure(size), UNITS[unit])
}

/// A share as per cent, without decimals above 1 %: `63 %`, `0.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if !percent.is_finite() => UNKNOWN.to_owned(),
        0.0 => "0 %".to_owned(),
        _ if percent.abs() < 0.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// A clock for elapsed time: `0:07`, `12:31`, `1:05:00`.
#[must_use]
pub fn clock(time: Duration) -> String {
    let all = time.as_secs();
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A moment as ISO 8601 in UTC, to the second, from seconds since 1970.
#[must_use]
pub fn moment(unix: f64) -> String {
    if !(0.0..MOMENT_MAX).contains(&unix) {
        return UNKNOWN.to_owned();
    }
    let all = unix as u64;
    let (days, rest) = (all / 86_400, all % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Text of a peer, without what would steer a terminal: control characters are escaped, and a long text ends in `…`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() && !is_bidi_control(c);
    if text.len() <= PLAIN_CHARS_MAX && text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::new();
    for c in text.chars().take(PLAIN_CHARS_MAX) {
        if harmless(c) {
            plain.push(c);
        } else {
            write!(plain, "{}", c.escape_unicode()).expect("a string takes everything");
        }
    }
    if text.chars().nth(PLAIN_CHARS_MAX).is_some() {
        plain.push('…');
    }
    Cow::Owned(plain)
}

/// Whole seconds and above, in two units at most.
fn long(time: Duration) -> String {
    let all = time.as_secs_f64().round() as u64;
    let two = |one: u64, unit: &str, other: u64, lesser: &str| {
        if other == 0 { format!("{} {unit}", count(one)) } else { format!("{} {unit} {other} {lesser}", count(one)) }
    };
    if all < 3600 {
        return two(all / 60, "min", all % 60, "s");
    }
    two(all / 3600, "h", all / 60 % 60, "min")
}

/// Days since 1970-01-01 as year, month and day, counted in eras of 400 years that begin on the first of March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Characters that turn the direction of writing, with which a text can look like another.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A close reason has 123 bytes at most; an error message should not fill a screen either.
const PLAIN_CHARS_MAX: usize = 200;
/// The year 9999 ends here.
const MOMENT_MAX: f64 = 253_402_300_800.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits_and_separated_thousands() {
        for (number, expected) in [
            (0.0, "0"),
            (0.012_34, "0.0123"),
            (4.561, "4.56"),
            (9.996, "10.0"),
            (99.96, "100"),
            (789.4, "789"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-2.5, "-2.50"),
            (f64::NAN, UNKNOWN),
        ] {
            assert_eq!(figure(number), expected, "{number}");
        }
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "connection"), "1 connection");
        assert_eq!(counted(0, "connection"), "0 connections");
        assert_eq!(counted(2, "delivery"), "2 deliveries");
    }

    #[test]
    fn figures_carry_their_units() {
        assert_eq!(rate(950.0), "950 msg/s");
        assert_eq!(rate(12_431.0), "12.4 k msg/s");
        assert_eq!(rate(1_199_999.0), "1.20 M msg/s");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3_355_443), "3.20 MiB");
        assert_eq!(bytes(u64::MAX), "16,384 PiB");
        assert_eq!(percent(0.634), "63 %");
        assert_eq!(percent(0.002), "0.2 %");
        assert_eq!(percent(1.0), "100 %");
    }

    #[test]
    fn times_choose_their_unit() {
        for (nanos, expected) in [
            (0, "0 s"),
            (512, "512 ns"),
            (18_300, "18.3 µs"),
            (999_600, "1.00 ms"),
            (1_800_000, "1.80 ms"),
            (3_200_000_000, "3.20 s"),
            (60_000_000_000, "60.0 s"),
            (125_000_000_000, "2 min 5 s"),
            (3_900_000_000_000, "1 h 5 min"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), expected, "{nanos}");
        }
        assert_eq!(seconds(f64::INFINITY), UNKNOWN);
        assert_eq!(seconds(-0.5), "-500 ms");
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(clock(Duration::from_secs(3_900)), "1:05:00");
    }

    #[test]
    fn moments_are_dates_in_utc() {
        assert_eq!(moment(0.0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_400.5), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_248_000.0), "2026-11-21 08:00:00 UTC");
        assert_eq!(moment(-1.0), UNKNOWN);
        assert_eq!(moment(f64::INFINITY), UNKNOWN);
    }

    #[test]
    fn a_peers_text_cannot_steer_the_terminal() {
        assert_eq!(plain("going away"), "going away");
        assert_eq!(plain("\x1b[2Jgone\n"), "\\u{1b}[2Jgone\\u{a}");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        let long = plain(&"x".repeat(1000)).into_owned();
        assert!(long.ends_with("x…") && long.chars().count() == PLAIN_CHARS_MAX + 1);
    }
}
